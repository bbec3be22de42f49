import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import type { InputScaling, InputScalingKind } from "../protocol/training.ts";
import { type Dataset, expectRows, readSamples, type SampleReader, sampleName } from "./dataset.ts";
import { layoutOf } from "./folders/image-folder.ts";

/** Samples that are read at a time to measure. */
const ROWS_AT_ONCE = 64;

/**
 * What brings the samples to mean 0 and variance 1 (population), or to 0 … 1, measured on the given rows alone.
 *
 *   standardize: x ↦ (x − mean)/√variance    range: x ↦ (x − min)/(max − min)
 *
 * Images of shape (C, H, W) or (H, W, C) by channel, samples of one axis by feature, others as a whole. What is
 * constant in those rows is shifted and not divided.
 *
 * @throws InputError where a sample is not finite.
 */
export async function measureScaling(
  dataset: Dataset,
  rows: Int32Array,
  kind: Exclude<InputScalingKind, "none">,
): Promise<InputScaling> {
  const { groups, groupSize } = groupsOf(dataset.sampleShape);
  const moments = Array.from({ length: groups }, () => new Moments());
  const size = elementCount(dataset.sampleShape);
  const numbers = new Float32Array(ROWS_AT_ONCE * size);
  expectRows(dataset, rows);
  for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
    const some = rows.subarray(start, start + ROWS_AT_ONCE);
    const read = numbers.subarray(0, some.length * size);
    await readSamples(dataset, some, read);
    for (let at = 0; at < read.length; at++) {
      const group = Math.floor((at % size) / groupSize) % groups;
      (moments[group] as Moments).add(read[at] as number);
    }
  }
  if (moments.some(({ variance }) => !Number.isFinite(variance))) {
    throw new InputError(
      `data ${dataset.name}: has numbers that are not finite; inputScaling needs finite ones`,
    );
  }
  const scales = moments.map((each) => (kind === "range" ? each.range : each.standard));
  return {
    subtract: scales.map(([subtract]) => subtract),
    divide: scales.map(([, divide]) => (divide > 0 ? divide : 1)),
    groupSize,
  };
}

/** The same samples scaled, in memory where they were. */
export function scaledInputs(dataset: Dataset, scaling: InputScaling): Dataset {
  const { features, sampleShape } = dataset;
  const size = elementCount(sampleShape);
  if (features instanceof Float32Array) {
    const scaled = features.slice();
    scaleInPlace(scaled, scaling, size);
    return { ...dataset, features: scaled };
  }
  const reader: SampleReader = {
    fingerprint: `${features.fingerprint} ${JSON.stringify(scaling)}`,
    expect: (rows) => features.expect?.(rows),
    nameOf: (row) => sampleName(dataset, row),
    read: async (rows, into) => {
      await features.read(rows, into);
      scaleInPlace(into, scaling, size);
    },
  };
  return { ...dataset, features: reader };
}

function scaleInPlace(values: Float32Array, scaling: InputScaling, size: number): void {
  const { subtract, divide, groupSize } = scaling;
  for (let at = 0; at < values.length; at++) {
    const group = Math.floor((at % size) / groupSize) % subtract.length;
    values[at] = ((values[at] as number) - (subtract[group] as number)) / (divide[group] as number);
  }
}

/**
 * Which numbers of a sample belong together: number i to group ⌊i/groupSize⌋ mod groups. Channels of
 * (C, H, W) or (H, W, C), features of one axis, everything else as a whole.
 */
export function groupsOf(shape: readonly number[]): {
  readonly groups: number;
  readonly groupSize: number;
} {
  const size = elementCount(shape);
  if (shape.length === 1) return { groups: size, groupSize: 1 };
  if (shape.length !== 3) return { groups: 1, groupSize: size };
  const [first = 1, , last = 1] = shape;
  return layoutOf({ name: "", sampleShape: shape }) === "NHWC"
    ? { groups: last, groupSize: 1 }
    : { groups: first, groupSize: size / first };
}

/** Mean and variance in one pass (B. P. Welford, 1962), and the bounds. */
class Moments {
  #count = 0;
  #mean = 0;
  #squares = 0;
  #smallest = Number.POSITIVE_INFINITY;
  #largest = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.#count++;
    const before = value - this.#mean;
    this.#mean += before / this.#count;
    this.#squares += before * (value - this.#mean);
    this.#smallest = Math.min(this.#smallest, value);
    this.#largest = Math.max(this.#largest, value);
  }

  /** Of the population. */
  get variance(): number {
    return this.#squares / this.#count;
  }

  get standard(): readonly [subtract: number, divide: number] {
    return [this.#mean, Math.sqrt(this.variance)];
  }

  get range(): readonly [subtract: number, divide: number] {
    return [this.#smallest, this.#largest - this.#smallest];
  }
}
