/**
 * A float32 input of a graph that stands for the mask of an inverted dropout, of shape
 * [batch, ...shape]: each element is 0 with probability `rate` and 1/(1 − rate) otherwise.
 */
export interface DropoutMask {
  readonly input: string;
  /** Without the batch. */
  readonly shape: readonly number[];
  readonly rate: number;
}

/** Each batch is run several times, with masks drawn anew for each run. */
export interface MaskedRuns {
  readonly count: number;
  /** The masks of a sample follow from it and the run's number alone, not from the batch size. */
  readonly seed: number;
  readonly masks: readonly DropoutMask[];
}
