import { elementCount } from "../graph/tensor.ts";
import { type Dataset, readSamples } from "./dataset.ts";
import { type Random, shuffle } from "./random.ts";

/** Arrays that one batch is copied into, reused from step to step. */
export interface Batch {
  /** Number of rows the arrays have room for. */
  readonly size: number;
  readonly features: Float32Array;
  /** Filled for class targets; int64, as ONNX losses take labels. */
  readonly labels: BigInt64Array;
  /** Filled for number targets. */
  readonly values: Float32Array;
}

export function allocateBatch(dataset: Dataset, size: number): Batch {
  const targets = dataset.targets;
  const valueCount = targets?.kind === "numbers" ? elementCount(targets.shape) : 0;
  return {
    size,
    features: new Float32Array(size * elementCount(dataset.sampleShape)),
    labels: new BigInt64Array(targets?.kind === "classes" ? size : 0),
    values: new Float32Array(size * valueCount),
  };
}

/** Batches of the same size that lie one behind the other in memory. */
export interface BatchStack {
  readonly batches: readonly Batch[];
  /** All rows of the first batches as one batch, in the same memory. */
  first(count: number): Batch;
}

export function allocateBatches(dataset: Dataset, size: number, count: number): BatchStack {
  const all = allocateBatch(dataset, size * count);
  const part = (from: number, to: number): Batch => {
    const rows = <A extends Float32Array | BigInt64Array>(array: A) => {
      const width = array.length / (size * count);
      return array.subarray(from * size * width, to * size * width) as A;
    };
    const [features, labels, values] = [rows(all.features), rows(all.labels), rows(all.values)];
    return { size: size * (to - from), features, labels, values };
  };
  return {
    batches: Array.from({ length: count }, (_, index) => part(index, index + 1)),
    first: (taken) => part(0, taken),
  };
}

/**
 * Copies the samples at rows[start], rows[start + 1], … into the batch. Where rows end before the
 * batch is full, the last row is repeated, so that a graph of fixed batch size can run; the caller
 * ignores what comes out for the repeated rows.
 *
 * @returns number of rows that are not repetitions.
 */
export async function fillBatch(
  batch: Batch,
  dataset: Dataset,
  rows: Int32Array,
  start: number,
): Promise<number> {
  const taken = new Int32Array(batch.size);
  for (let slot = 0; slot < batch.size; slot++) {
    taken[slot] = rows[Math.min(start + slot, rows.length - 1)] as number;
  }
  fillTargets(batch, dataset, taken);
  await readSamples(dataset, taken, batch.features);
  return Math.min(batch.size, rows.length - start);
}

function fillTargets(batch: Batch, { targets }: Dataset, rows: Int32Array): void {
  const valueSize = batch.values.length / batch.size;
  for (const [slot, row] of rows.entries()) {
    if (targets?.kind === "classes") batch.labels[slot] = BigInt(targets.labels[row] as number);
    if (targets?.kind === "numbers") {
      const value = targets.values.subarray(row * valueSize, (row + 1) * valueSize);
      batch.values.set(value, slot * valueSize);
    }
  }
}

/** The rows in the order of one epoch: a new shuffle each time it is called. */
export function epochOrder(rows: Int32Array, random: Random): Int32Array {
  const order = Int32Array.from(rows);
  shuffle(order, random);
  return order;
}
