import type { GeneralizedLinearLayer, Link } from "./generalized-linear-layer.ts";

/** Σ over samples, by feature. */
export interface FeatureSums {
  /** Σ_k Σ_i A''_k(z_i)·x_ij²: the diagonal of the Fisher information, added up over outputs. */
  readonly fisher: Float64Array;
  /** Σ_i x_ij²·β_jᵀ·diag(A''(z_i))·β_j */
  readonly diagonal: Float64Array;
  /** Σ_i x_ij²·β_jᵀ·∇²A(z_i)·β_j, with the covariance of the outputs. */
  readonly full: Float64Array;
}

/**
 * Adds up what the penalty is made of, sample by sample, in float64. A is the log-partition function:
 *
 *   softmax:  A'' = p(1 − p),  ∇²A = diag(p) − p·pᵀ,  so  βᵀ∇²Aβ = Σ_k p_k·β_k² − (Σ_k p_k·β_k)²
 *   sigmoid:  A'' = p(1 − p),  ∇²A diagonal
 *   identity: A'' = 1,         ∇²A = I
 */
export class FisherSums {
  readonly sums: FeatureSums;
  readonly #layer: GeneralizedLinearLayer;
  readonly #link: Link;

  constructor(layer: GeneralizedLinearLayer, link: Link) {
    this.#layer = layer;
    this.#link = link;
    const zeros = () => new Float64Array(layer.features);
    this.sums = { fisher: zeros(), diagonal: zeros(), full: zeros() };
  }

  /** @param x of one sample, [features]; @param logits [outputs]. */
  add(x: Float32Array, logits: Float32Array): void {
    const { features, outputs, weights } = this.#layer;
    const probabilities = this.#link === "softmax" ? softmax(logits) : undefined;
    const curvature = Float64Array.from(logits, (z, k) => this.#curvature(z, probabilities?.[k]));
    const total = curvature.reduce((sum, each) => sum + each, 0);
    const { fisher, diagonal, full } = this.sums;
    for (let j = 0; j < features; j++) {
      const square = (x[j] as number) ** 2;
      let [own, mean, second] = [0, 0, 0];
      for (let k = 0; k < outputs; k++) {
        const beta = weights[j * outputs + k] as number;
        own += (curvature[k] as number) * beta * beta;
        mean += (probabilities?.[k] ?? 0) * beta;
        second += (probabilities?.[k] ?? 0) * beta * beta;
      }
      fisher[j] = (fisher[j] as number) + square * total;
      diagonal[j] = (diagonal[j] as number) + square * own;
      const whole = probabilities === undefined ? own : second - mean * mean;
      full[j] = (full[j] as number) + square * whole;
    }
  }

  #curvature(z: number, softmaxed: number | undefined): number {
    if (this.#link === "identity") return 1;
    if (softmaxed !== undefined) return softmaxed * (1 - softmaxed);
    // σ(z)·σ(−z) keeps its digits where σ(z) rounds to 1.
    return 1 / (1 + Math.exp(-z)) / (1 + Math.exp(z));
  }
}

/** exp(z_k − max z)/Σ_j exp(z_j − max z) */
function softmax(logits: Float32Array): Float64Array {
  const max = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - max));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
