import type { Batch } from "../../../src/data/batches.ts";
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
