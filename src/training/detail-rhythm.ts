import type { TrainingConfig } from "../protocol/training.ts";

/**
 * Whether a step tells norms and ratios: each `detailsEverySteps`-th, and where several batches make
 * one update, the one that completes the update which that step is part of.
 *
 * @param step steps of the run before this one.
 */
export function detailsDue(
  step: number,
  { statistics, accumulateBatches }: Pick<TrainingConfig, "statistics" | "accumulateBatches">,
): boolean {
  const every = statistics.detailsEverySteps;
  if (every === 0 || (step + 1) % accumulateBatches !== 0) return false;
  return Math.floor(step / every) > Math.floor((step - accumulateBatches) / every);
}
