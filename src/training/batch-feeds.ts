import type { Batch } from "../data/batches.ts";
import type { RuntimeTensor } from "../runtime/runtime.ts";

/** The inputs of a step or gradient graph that a batch is fed to. */
export interface BatchInputs {
  readonly input: string;
  /** With the batch dimension. */
  readonly inputShape: readonly number[];
  readonly target: string;
  /** The batch alone for classes. */
  readonly targetShape: readonly number[];
}

/** The batch's own arrays, not copies: features, and int64 labels or float32 numbers. */
export function batchFeeds(
  { input, inputShape, target, targetShape }: BatchInputs,
  { features, labels, values }: Omit<Batch, "size">,
): Readonly<Record<string, RuntimeTensor>> {
  return {
    [input]: { type: "float32", dims: inputShape, data: features },
    [target]:
      labels.length > 0
        ? { type: "int64", dims: targetShape, data: labels }
        : { type: "float32", dims: targetShape, data: values },
  };
}
