import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";

/** Samples and, where the source has them, what a model should answer for each. */
export interface Dataset {
  /** What people call it: "digits" or the file's name. */
  readonly name: string;
  readonly count: number;
  /** Shape of one sample, without the batch dimension. */
  readonly sampleShape: readonly number[];
  /** Row-major [count, ...sampleShape]; or what reads samples when they are asked for. */
  readonly features: Float32Array | SampleReader;
  readonly targets?: Targets;
  /** Rows of the source's own parts, where it has a test part or more of its own. */
  readonly parts?: OwnParts;
  /** What the numbers of a sample of one axis are called, where the source says so. */
  readonly featureNames?: readonly string[];
  /** Of sounds: numbers a second. */
  readonly sampleRate?: number;
}

export interface OwnParts {
  readonly train: Int32Array;
  readonly validation?: Int32Array;
  readonly test?: Int32Array;
}

/** Samples that are all in memory as float32 numbers. */
export interface MemoryDataset extends Dataset {
  readonly features: Float32Array;
}

/**
 * Samples that are not kept as float32 numbers: bytes that become numbers, or files that are decoded, so
 * that a folder of 100,000 images takes no more memory than the batches that are in use.
 *
 * What it gives is finite: a reader refuses the sample that is not.
 */
export interface SampleReader {
  /**
   * Puts the samples of the given rows one after the other into `into`, each of sampleShape's numbers.
   *
   * @throws InputError naming the file that cannot be read.
   */
  read(rows: Int32Array, into: Float32Array): void | Promise<void>;
  /** Rows that are going to be asked for in this order, so that the next ones can be prepared. */
  expect?(rows: Int32Array): void;
  /** Differs where the samples differ. */
  readonly fingerprint: string;
  /** What the source calls a sample: its file. */
  nameOf?(row: number): string;
}

/** The sample's file, or its row counted from 1. */
export function sampleName({ features }: Pick<Dataset, "features">, row: number): string {
  const name = features instanceof Float32Array ? undefined : features.nameOf?.(row);
  return name ?? `row ${row + 1}`;
}

/** Copies samples one after the other into `into`, at once where they are in memory. */
export function readSamples(
  { features, sampleShape }: Pick<Dataset, "features" | "sampleShape">,
  rows: Int32Array,
  into: Float32Array,
): void | Promise<void> {
  if (!(features instanceof Float32Array)) return features.read(rows, into);
  const size = elementCount(sampleShape);
  for (const [slot, row] of rows.entries()) {
    into.set(features.subarray(row * size, (row + 1) * size), slot * size);
  }
}

/** Says which rows are going to be read, in order; samples in memory need no preparation. */
export function expectRows({ features }: Pick<Dataset, "features">, rows: Int32Array): void {
  if (!(features instanceof Float32Array)) features.expect?.(rows);
}

export type Targets = ClassTargets | NumberTargets;

export interface ClassTargets {
  readonly kind: "classes";
  /** The class of each sample, 0 … classNames.length − 1. */
  readonly labels: Int32Array;
  readonly classNames: readonly string[];
}

export interface NumberTargets {
  readonly kind: "numbers";
  /** Row-major [count, ...shape]. */
  readonly values: Float32Array;
  /** Shape of one target; [] is a single number. */
  readonly shape: readonly number[];
}

/** How whole-number targets are meant; left out, whole numbers are classes and others are not. */
export type TargetKind = Targets["kind"];

/**
 * The same samples in the shape a model takes: 64 numbers become 1×8×8 and the reverse. Only the
 * shape changes, the row-major order stays.
 *
 * @param shape sizes of the model's input without the batch; undefined where the model leaves the
 *   size open, which one dimension may.
 */
export function withSampleShape<Data extends Dataset>(
  dataset: Data,
  shape: readonly (number | undefined)[],
  modelInput: string,
): Data {
  const has = elementCount(dataset.sampleShape);
  const known = elementCount(shape.map((size) => size ?? 1));
  const open = shape.filter((size) => size === undefined).length;
  const sameRank = shape.length === dataset.sampleShape.length;
  if (
    sameRank &&
    shape.every((size, axis) => (size ?? dataset.sampleShape[axis]) === dataset.sampleShape[axis])
  ) {
    return dataset;
  }
  if (open > 1 || known === 0 || (open === 0 ? has !== known : has % known !== 0)) {
    const wanted = shape.map((size) => size ?? "?").join("×");
    throw new InputError(
      `data ${dataset.name}: a sample has ${has} numbers (${dataset.sampleShape.join("×")}), but input ${modelInput} takes ${open === 0 ? `${known} ` : ""}(${wanted})`,
    );
  }
  return { ...dataset, sampleShape: shape.map((size) => size ?? has / known) };
}

/** Labels as classes in the order of their names; whole numbers are ordered by value. */
export function classTargets(labels: readonly string[]): ClassTargets {
  const names = [...new Set(labels)];
  const numeric = names.every((name) => /^-?\d+(\.0*)?$/.test(name.trim()));
  names.sort(numeric ? (a, b) => Number(a) - Number(b) : undefined);
  const index = new Map(names.map((name, position) => [name, position]));
  return {
    kind: "classes",
    labels: Int32Array.from(labels, (label) => index.get(label) ?? 0),
    classNames: names,
  };
}
