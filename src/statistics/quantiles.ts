type Numbers = Float32Array | Float64Array;

/**
 * Quantiles of values that are sorted already, by linear interpolation between the two nearest:
 * position p·(n − 1), definition 7 of R. Hyndman and Y. Fan, "Sample quantiles in statistical
 * packages" (1996), which is numpy's default. NaN for no values.
 */
export function quantilesOfSorted(sorted: Numbers, probabilities: readonly number[]): number[] {
  const last = sorted.length - 1;
  return probabilities.map((probability) => {
    const position = probability * last;
    const lower = Math.floor(position);
    const low = sorted[lower] ?? Number.NaN;
    const high = sorted[Math.min(lower + 1, last)] ?? Number.NaN;
    return low + (high - low) * (position - lower);
  });
}

/** The finite values in ascending order, as a copy. */
export function sortedFinite<Values extends Numbers>(values: Values): Values {
  const sorted = values.slice().sort() as Values;
  // Sorting puts −∞ first, +∞ and then NaN last.
  let start = 0;
  let end = sorted.length;
  while (start < end && sorted[start] === Number.NEGATIVE_INFINITY) start++;
  while (end > start && !Number.isFinite(sorted[end - 1])) end--;
  return sorted.subarray(start, end) as Values;
}

/** Quantiles of the finite values, as quantilesOfSorted gives them. */
export function quantiles(values: Numbers, probabilities: readonly number[]): number[] {
  return quantilesOfSorted(sortedFinite(values), probabilities);
}
