import { jsonNumber } from "../protocol/reports.ts";
import type { StepDetailNumbers, ValueMoments } from "../protocol/training.ts";
import { momentsOf } from "../statistics/moments.ts";
import type { StepDetails } from "./step-details.ts";

/** Parameters that one event names: as many as a chart can tell apart. */
const MOST_NAMED = 10;

/** What a step has computed, and the parameters before and after it. */
export interface MeasuredStep {
  readonly details: StepDetails;
  /** The step graph's output. */
  readonly numbers: Float32Array;
  readonly before: ReadonlyMap<string, Float32Array>;
  readonly after: ReadonlyMap<string, Float32Array>;
  /** Even samples of the watched values. */
  readonly samples: ReadonlyMap<string, Float32Array>;
}

/**
 * Over all parameters ‖g‖ = √Σg²; of each named one its own ‖g‖ and ‖Δw‖/‖w‖, w as before the step;
 * of each watched value mean and population variance of its sample, and the share of dead units.
 *
 * @param named the parameters that have their own numbers; see `namedParameters`.
 */
export function detailNumbers(step: MeasuredStep, named: readonly string[]): StepDetailNumbers {
  const { details, numbers, before, after, samples } = step;
  const squares = new Map(
    details.parameters.map((parameter, index) => [parameter, numbers[index] as number]),
  );
  const total = [...squares.values()].reduce((sum, square) => sum + square, 0);
  const gradients = named.map((name) => ({
    name,
    norm: jsonNumber(Math.sqrt(squares.get(name) as number)),
    updateRatio: jsonNumber(
      relativeChange(before.get(name) as Float32Array, after.get(name) as Float32Array),
    ),
  }));
  const moments = details.values.map((name, index): [string, ValueMoments] => {
    const { mean, squaredDeviations, finite } = momentsOf(samples.get(name) as Float32Array);
    const deadShare = numbers[details.parameters.length + index] as number;
    return [
      name,
      {
        mean: jsonNumber(mean),
        variance: jsonNumber(squaredDeviations / finite),
        deadShare: jsonNumber(deadShare),
      },
    ];
  });
  return {
    gradientNorm: jsonNumber(Math.sqrt(total)),
    gradients,
    ...(moments.length === 0 ? {} : { moments: Object.fromEntries(moments) }),
  };
}

/** ‖after − before‖/‖before‖ in float64; NaN or infinite where before is all 0. */
export function relativeChange(before: Float32Array, after: Float32Array): number {
  let [changes, squares] = [0, 0];
  for (let index = 0; index < before.length; index++) {
    const value = before[index] as number;
    const change = (after[index] as number) - value;
    changes += change * change;
    squares += value * value;
  }
  return Math.sqrt(changes / squares);
}

/** At most ten of the weights, in the order of the layers, evenly from the first to the last. */
export function namedParameters(weights: readonly string[]): readonly string[] {
  if (weights.length <= MOST_NAMED) return weights;
  return Array.from(
    { length: MOST_NAMED },
    (_, index) => weights[Math.round((index * (weights.length - 1)) / (MOST_NAMED - 1))] as string,
  );
}
