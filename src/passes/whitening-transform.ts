import { InputError } from "../graph/input-error.ts";
import type { Covariance } from "../statistics/channel-covariance.ts";
import { functionOfMatrix, symmetricEigen } from "../statistics/symmetric-eigen.ts";

/** x̂ = whiten·(x − mean) and back, x = restore·x̂ + mean, in float64. */
export interface WhiteningTransform {
  readonly mean: Float64Array;
  /** features × features, row-major and symmetric. */
  readonly whiten: Float64Array;
  readonly restore: Float64Array;
  /** Numbers of each feature that were measured. */
  readonly count: number;
  readonly largestEigenvalue: number;
  readonly smallestEigenvalue: number;
  /** The largest |correlation| of two features; 0 for one feature. */
  readonly largestCorrelation: number;
}

/**
 * ZCA whitening, of all whitening transforms the one that changes the features least:
 *
 *   x̂ = Cov(x)^(−1/2)·(x − E[x]),   Cov(x) = Vᵀ·diag(λ)·V,
 *   Cov(x)^(∓1/2) = Vᵀ·diag((λ + ε·λ_max)^(∓1/2))·V
 *
 * Source: Ioffe and Szegedy, "Batch Normalization", 2015, section 2 (what BatchNorm simplifies); A.
 * Bell and T. Sejnowski, "The 'independent components' of natural scenes are edge filters", 1997.
 *
 * @param words what sentences call the value and the data.
 * @throws InputError where the covariance has no inverse root: too few samples, features that do not
 *   vary, numbers that are not finite.
 */
export function whiteningTransform(
  { count, mean, matrix }: Covariance,
  epsilon: number,
  words: { readonly value: string; readonly data: string },
): WhiteningTransform {
  const size = mean.length;
  const about = `data ${words.data}: value ${words.value}`;
  const bad = mean.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new InputError(`${about} is NaN or infinite in feature ${bad}, so it has no covariance`);
  }
  if (count <= size) {
    throw new InputError(
      `${about} has ${size} features and ${count} samples; the covariance of ${size} features needs more than ${size}`,
    );
  }
  const eigen = symmetricEigen(matrix, size);
  const largest = Math.max(...eigen.values);
  const smallest = Math.max(0, Math.min(...eigen.values));
  if (!(largest > 0)) {
    throw new InputError(`${about} is the same in every sample, so it cannot be whitened`);
  }
  const added = epsilon * largest;
  // An eigenvalue of zero is found to within the resolution of the largest.
  if (smallest + added <= size * Number.EPSILON * largest) {
    throw new InputError(
      `${about} has features that depend on each other (smallest eigenvalue ${smallest.toPrecision(2)} of ${largest.toPrecision(2)}); an epsilon above ${epsilon} is needed`,
    );
  }
  const regular = (eigenvalue: number) => Math.max(0, eigenvalue) + added;
  return {
    mean,
    whiten: functionOfMatrix(eigen, (eigenvalue) => 1 / Math.sqrt(regular(eigenvalue))),
    restore: functionOfMatrix(eigen, (eigenvalue) => Math.sqrt(regular(eigenvalue))),
    count,
    largestEigenvalue: largest,
    smallestEigenvalue: smallest,
    largestCorrelation: largestCorrelation(matrix, size),
  };
}

function largestCorrelation(matrix: Float64Array, size: number): number {
  let largest = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      const scale = (matrix[i * size + i] as number) * (matrix[j * size + j] as number);
      const value = Math.abs(matrix[i * size + j] as number) / Math.sqrt(scale);
      if (scale > 0) largest = Math.max(largest, value);
    }
  }
  return largest;
}
