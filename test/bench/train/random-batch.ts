import type { Batch, BatchStack } from "../../../src/data/batches.ts";
import { seededRandom } from "../../../src/data/random.ts";

/** Normally distributed numbers, and labels of ten classes. @param length numbers of the whole batch. */
export function randomBatch(size: number, length: number): Batch {
  const random = seededRandom(0);
  return {
    size,
    features: Float32Array.from({ length }, () => random.normal()),
    labels: BigInt64Array.from({ length: size }, () => BigInt(random.below(10))),
    values: new Float32Array(0),
  };
}

/** Several such batches. @param length numbers of each. */
export function randomBatches(size: number, length: number, count: number): BatchStack {
  const all = randomBatch(size * count, length * count);
  const part = (from: number, to: number): Batch => ({
    size: size * (to - from),
    features: all.features.subarray(from * length, to * length),
    labels: all.labels.subarray(from * size, to * size),
    values: all.values,
  });
  return {
    batches: Array.from({ length: count }, (_, index) => part(index, index + 1)),
    first: (taken) => part(0, taken),
  };
}
