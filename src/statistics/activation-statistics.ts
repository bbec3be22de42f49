import type { ActivationStatistics } from "../protocol/training.ts";
import { type StatisticsOptions, valueStatistics } from "./value-statistics.ts";

/** When a unit counts as dead: it is zero for the whole batch, or it enters a ReLU and never passes. */
export type DeadWhen = "zero" | "not-positive";

export interface Activations {
  readonly name: string;
  /** [samples, units, …]: channels of an image network, features of a dense one. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly deadWhen: DeadWhen;
}

export function activationStatistics(
  activations: Activations,
  options: StatisticsOptions = {},
): ActivationStatistics {
  const units = activations.shape[1] ?? 1;
  return {
    ...valueStatistics(activations.name, activations.values, options),
    deadUnits: countDeadUnits(activations),
    units,
  };
}

/** Units none of whose values, over samples and positions, is alive. NaN is not dead. */
export function countDeadUnits({ shape, values, deadWhen }: Activations): number {
  const samples = shape[0] ?? 1;
  const units = shape[1] ?? 1;
  const positions = values.length / (samples * units);
  let dead = 0;
  for (let unit = 0; unit < units; unit++) {
    let alive = false;
    for (let sample = 0; sample < samples && !alive; sample++) {
      const start = (sample * units + unit) * positions;
      for (let index = start; index < start + positions && !alive; index++) {
        const value = values[index] as number;
        alive = deadWhen === "zero" ? value !== 0 : !(value <= 0);
      }
    }
    if (!alive && samples > 0) dead++;
  }
  return dead;
}
