import type { ScheduleConfig } from "../../protocol/training.ts";
import type { Clock } from "./schedule.ts";

/**
 * What any schedule is multiplied by in the first warmUpEpochs: with W updates in them, from warmUpStart
 * to 1 in a line (PyTorch's LinearLR, chained):
 *
 *   warmUpStart + (1 − warmUpStart)·min(update/W, 1)
 *
 * P. Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 2.2.
 */
export function warmUpFactor(
  { warmUpEpochs, warmUpStart }: ScheduleConfig,
  { update, updates, maxEpochs }: Clock,
): number {
  if (warmUpEpochs === 0) return 1;
  const length = (warmUpEpochs * updates) / maxEpochs;
  return warmUpStart + (1 - warmUpStart) * Math.min(update / length, 1);
}
