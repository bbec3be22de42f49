/** What one pass over numbers leaves: counts and moments of the finite ones, others counted apart. */
export interface Moments {
  /** All values, finite or not. */
  readonly count: number;
  /** The values that mean, deviations, minimum and maximum are taken over. */
  readonly finite: number;
  readonly zeros: number;
  readonly nan: number;
  /** Positive and negative infinities. */
  readonly inf: number;
  /** NaN where nothing is finite. */
  readonly mean: number;
  /** Σ(x − mean)². */
  readonly squaredDeviations: number;
  readonly min: number;
  readonly max: number;
}

type Numbers = Float32Array | Float64Array;

/**
 * Two passes: the mean first, then the squared deviations from it, less the square of what the
 * rounded mean leaves over. E[x²] − E[x]² would lose every digit where the mean is large against
 * the spread.
 *
 * T. Chan, G. Golub, R. LeVeque: "Algorithms for computing the sample variance" (1983), eq. 1.7.
 */
export function momentsOf(values: Numbers): Moments {
  let [sum, finite, zeros, nan] = [0, 0, 0, 0];
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    // A value minus itself is 0 exactly where the value is finite.
    if (value - value === 0) {
      finite++;
      sum += value;
      if (value === 0) zeros++;
      if (value < min) min = value;
      if (value > max) max = value;
    } else if (Number.isNaN(value)) nan++;
  }
  const count = values.length;
  const inf = count - finite - nan;
  const mean = sum / finite;
  let [squares, rest] = [0, 0];
  for (let index = 0; index < values.length; index++) {
    const deviation = (values[index] as number) - mean;
    if (deviation - deviation === 0) {
      squares += deviation * deviation;
      rest += deviation;
    }
  }
  const squaredDeviations = finite === 0 ? 0 : squares - (rest * rest) / finite;
  return finite === 0
    ? { ...NO_MOMENTS, count, nan, inf }
    : { count, finite, zeros, nan, inf, mean, squaredDeviations, min, max };
}

export const NO_MOMENTS: Moments = {
  count: 0,
  finite: 0,
  zeros: 0,
  nan: 0,
  inf: 0,
  mean: Number.NaN,
  squaredDeviations: 0,
  min: Number.NaN,
  max: Number.NaN,
};

/**
 * The moments of two sets of values taken together:
 * M₂ = M₂ᵃ + M₂ᵇ + δ²·nᵃ·nᵇ/n with δ = meanᵇ − meanᵃ (Chan, Golub, LeVeque, eq. 2.1).
 */
export function mergeMoments(a: Moments, b: Moments): Moments {
  const counts = {
    count: a.count + b.count,
    zeros: a.zeros + b.zeros,
    nan: a.nan + b.nan,
    inf: a.inf + b.inf,
  };
  if (a.finite === 0) return { ...b, ...counts };
  if (b.finite === 0) return { ...a, ...counts };
  const finite = a.finite + b.finite;
  const delta = b.mean - a.mean;
  return {
    ...counts,
    finite,
    mean: a.mean + (delta * b.finite) / finite,
    squaredDeviations:
      a.squaredDeviations + b.squaredDeviations + (delta * delta * a.finite * b.finite) / finite,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
  };
}

/** Population standard deviation: √(Σ(x − mean)²/n). */
export function standardDeviation(moments: Moments): number {
  return Math.sqrt(Math.max(0, moments.squaredDeviations) / moments.finite);
}
