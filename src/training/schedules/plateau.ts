import type { Schedule, ScheduleState } from "./schedule.ts";

/** Changes of the learning rate that are smaller are not made, as in PyTorch. */
const SMALLEST_CHANGE = 1e-8;

/**
 * PyTorch's ReduceLROnPlateau with relative threshold: after more than `patience` epochs in which the
 * monitored metric was not better than the best by the share `threshold` of it,
 *
 *   lr ← max(lr·factor, minimum),
 *
 * and for `cooldown` epochs nothing is counted. A metric that is not a number is no improvement.
 */
export const plateau: Schedule = {
  rate: (_config, base) => base,
  measured: (config, state, metric, direction) => {
    const better = isBetter(metric, state.best, config.threshold, direction);
    const cooling = state.coolingDown > 0;
    const badEpochs = better || cooling ? 0 : state.badEpochs + 1;
    const next: ScheduleState = {
      ...state,
      ...(better ? { best: metric } : {}),
      badEpochs,
      coolingDown: cooling ? state.coolingDown - 1 : 0,
    };
    if (badEpochs <= config.patience) return next;
    const reduced = Math.max(state.base * config.factor, config.minimum);
    const base = state.base - reduced > SMALLEST_CHANGE ? reduced : state.base;
    return { ...next, base, badEpochs: 0, coolingDown: config.cooldown };
  },
};

function isBetter(
  metric: number,
  best: number | undefined,
  threshold: number,
  direction: "min" | "max",
): boolean {
  if (best === undefined) return !Number.isNaN(metric);
  return direction === "min" ? metric < best * (1 - threshold) : metric > best * (1 + threshold);
}
