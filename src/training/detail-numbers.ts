import { jsonNumber } from "../protocol/reports.ts";
import type { StepDetailNumbers, ValueMoments } from "../protocol/training.ts";
import { momentsOf } from "../statistics/moments.ts";
import type { StepObservation } from "./step-observation.ts";

/** Parameters that one event names: as many as a chart can tell apart. */
const MOST_NAMED = 10;

/**
 * Over all parameters ‖g‖ = √Σg²; of each named one its own ‖g‖ and ‖Δw‖/‖w‖, w as before the step;
 * of each watched value mean and population variance of its sample, and the share of dead units.
 *
 * @param numbers the observation's output.
 * @param samples see `observedSamples`.
 */
export function detailNumbers(
  { parameters, values, named }: StepObservation,
  numbers: Float32Array,
  samples: ReadonlyMap<string, Float32Array>,
): StepDetailNumbers {
  let read = 0;
  const next = (names: readonly string[]) =>
    new Map(names.map((name) => [name, numbers[read++] as number]));
  // In the order of the output.
  const gradientSquares = next(parameters);
  const deadShares = next(values);
  const changeSquares = next(named);
  const weightSquares = next(named);
  const root = (squares: ReadonlyMap<string, number>, name: string) =>
    Math.sqrt(squares.get(name) as number);
  const total = [...gradientSquares.values()].reduce((sum, square) => sum + square, 0);
  const gradients = named.map((name) => ({
    name,
    norm: jsonNumber(root(gradientSquares, name)),
    updateRatio: jsonNumber(root(changeSquares, name) / root(weightSquares, name)),
  }));
  const moments = values.map((name): [string, ValueMoments] => {
    const { mean, squaredDeviations, finite } = momentsOf(samples.get(name) as Float32Array);
    return [
      name,
      {
        mean: jsonNumber(mean),
        variance: jsonNumber(squaredDeviations / finite),
        deadShare: jsonNumber(deadShares.get(name) as number),
      },
    ];
  });
  return {
    gradientNorm: jsonNumber(Math.sqrt(total)),
    gradients,
    ...(moments.length === 0 ? {} : { moments: Object.fromEntries(moments) }),
  };
}

/** The samples by their values: parts of the observation's output, not copies. */
export function observedSamples(
  { samples, count }: StepObservation,
  numbers: Float32Array,
): ReadonlyMap<string, Float32Array> {
  let start = count - samples.reduce((sum, sample) => sum + sample.count, 0);
  return new Map(
    samples.map((sample) => {
      const own = numbers.subarray(start, start + sample.count);
      start += sample.count;
      return [sample.name, own] as const;
    }),
  );
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
