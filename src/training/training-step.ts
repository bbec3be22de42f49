import type { Batch } from "../data/batches.ts";
import type { StepDetailNumbers } from "../protocol/training.ts";

export interface StepResult {
  readonly loss: number;
  /** Variational dropout's divergence before this step, summed over all noise. */
  readonly divergence?: number;
  /** What L1 and L2 added to the loss before this step. */
  readonly penalty?: number;
  /** The model's output for the batch, overwritten by the next run. */
  readonly output: Float32Array;
  /** Samples of the watched values, where asked for, by value; overwritten by the next run. */
  readonly samples: ReadonlyMap<string, Float32Array>;
  /** Norms, ratios and moments, where asked for. */
  readonly details?: StepDetailNumbers;
}

/** What a step gives beside its loss and output. */
export interface StepWishes {
  readonly samples: boolean;
  readonly details: boolean;
}

/** Whether anything has to be looked at for it. */
export function isObserved({ samples, details }: StepWishes): boolean {
  return samples || details;
}

export interface PlannedStep {
  readonly batch: Batch;
  readonly learningRate: number;
  /** What variational dropout's divergence counts in the loss. */
  readonly divergenceFactor: number;
  readonly wishes: StepWishes;
}

/** No run has more steps than this: further ones would save less than a hundredth of a step each. */
export const MOST_STEPS_OF_RUN = 10;

/** One training step after the other, on whatever engine. */
export interface TrainingStep {
  /** One step on one batch. */
  run(
    batch: Batch,
    learningRate: number,
    wishes: StepWishes,
    divergenceFactor?: number,
  ): Promise<StepResult>;
  /** Where several steps can be one run. */
  readonly several?: StepsOfOneRun;
  /** Begins anew. @param initial state by name; what is missing starts at zero. */
  restart(initial: ReadonlyMap<string, Float32Array>): void;
  /** Parameters, running statistics and optimizer state as of now; overwritten two steps later. */
  readonly state: ReadonlyMap<string, Float32Array>;
}

export interface StepsOfOneRun {
  /** How many steps had better be one run now, MOST_STEPS_OF_RUN at most. */
  readonly count: number;
  /**
   * Takes the steps with the same numbers as one after the other.
   *
   * @param steps in order.
   * @param rows of all their batches, in the same order.
   * @param options.untilNotFinite ends with the first step whose loss is not finite; the state is
   *   the one after that step then.
   */
  run(
    steps: readonly PlannedStep[],
    rows: Batch,
    options: { readonly untilNotFinite: boolean },
  ): Promise<readonly StepResult[]>;
}
