import type { GraphBuilder } from "../graph/builder.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { multiply, scale, sumOver, transpose } from "./emit.ts";

/*
 * Newton and Schulz's iterations for the inverse square root of a covariance Σ (C × C). Huang et al.,
 * "Iterative Normalization: Beyond Standardization towards Efficient Whitening", 2019 (algorithm 1)
 * have them as
 *
 *   S = Σ/tr(Σ),  P₀ = I,  P_k = ½·(3·P_{k−1} − P_{k−1}³·S),  W = P_T/√tr(Σ)
 *
 * Dividing by the trace brings every eigenvalue into (0, 1], where the iterations converge. With
 * Q = P·S, which tends to √S, the same numbers are
 *
 *   Q₀ = S,  H = ½·(3·I − P_{k−1}·Q_{k−1}),  P_k = H·P_{k−1},  Q_k = Q_{k−1}·H
 *
 * as Higham, "Functions of Matrices", 2008, equation 6.35 couples them. Where an eigenvalue λ of S is
 * small, P is near 1/√λ: P³·S rounds terms near λ^(−3/2) that cancel, P·Q only those near λ^(−1/2).
 */

/** P_k and Q_k = P_k·S. */
export interface Iterate {
  readonly inverse: string;
  readonly direct: string;
}

/** Names of the values that the gradient needs again. */
export interface InverseRoot {
  /** W, C × C. */
  readonly root: string;
  /** tr(Σ), 1 × 1. */
  readonly trace: string;
  readonly normalized: string;
  /** Those of k = 1 to T − 1. */
  readonly iterates: readonly Iterate[];
}

/** @param covariance Σ, size × size and symmetric. */
export function addInverseRoot(
  builder: GraphBuilder,
  covariance: string,
  size: number,
  iterations: number,
): InverseRoot {
  const identity = identityOf(builder, size);
  const trace = inner(builder, covariance, identity);
  const normalized = builder.add("Div", [covariance, trace]);
  // P₀ is the identity, so that P₁ is H.
  let inverse = correction(builder, identity, normalized);
  let factor = inverse;
  let direct = normalized;
  const iterates: Iterate[] = [];
  for (let k = 1; k < iterations; k++) {
    direct = product(builder, direct, factor);
    iterates.push({ inverse, direct });
    factor = correction(builder, identity, product(builder, inverse, direct));
    inverse = product(builder, factor, inverse);
  }
  const root = builder.add("Div", [inverse, builder.add("Sqrt", [trace])]);
  return { root, trace, normalized, iterates };
}

/** H = ½·(3·I − P·Q). */
function correction(builder: GraphBuilder, identity: string, productOfBoth: string): string {
  const difference = builder.add("Sub", [scale(builder, identity, 3), productOfBoth]);
  return scale(builder, difference, 0.5);
}

/**
 * ∂ℓ/∂Σ from D = ∂ℓ/∂W, the iterations in reverse. With E = ∂ℓ/∂P_k, P = P_{k−1}, Q = Q_{k−1} and
 * all but E symmetric:
 *
 *   ∂ℓ/∂P_T = D/√t,  ∂ℓ/∂t ∋ −½·⟨D, W⟩/t   (t = tr Σ)
 *   ∂ℓ/∂S ∋ −½·P³·E
 *   ∂ℓ/∂P = 3/2·E − ½·(E·S·P² + P·E·S·P + P²·E·S) = 3/2·E − ½·(E·Q·P + P·E·Q + P²·E·S)
 *   ∂ℓ/∂t ∋ −⟨∂ℓ/∂S, S⟩/t,  ∂ℓ/∂Σ = ∂ℓ/∂S/t + ∂ℓ/∂t·I
 */
export function addInverseRootGradient(
  builder: GraphBuilder,
  { root, trace, normalized, iterates }: InverseRoot,
  rootGradient: string,
  size: number,
): string {
  let e = builder.add("Div", [rootGradient, builder.add("Sqrt", [trace])]);
  let ofNormalized: string | undefined;
  for (const { inverse, direct } of [...iterates].reverse()) {
    const once = product(builder, inverse, e);
    const twice = product(builder, inverse, once);
    const third = product(builder, inverse, twice);
    ofNormalized = ofNormalized === undefined ? third : builder.add("Add", [ofNormalized, third]);
    const sum = builder.add("Sum", [
      product(builder, product(builder, e, direct), inverse),
      product(builder, once, direct),
      product(builder, twice, normalized),
    ]);
    e = builder.add("Sub", [scale(builder, e, 1.5), scale(builder, sum, 0.5)]);
  }
  // The first iteration: P₀ is the identity, so that its cube is, too.
  const all = ofNormalized === undefined ? e : builder.add("Add", [ofNormalized, e]);
  const gradient = scale(builder, all, -0.5);
  const ofTrace = builder.add("Add", [
    scale(builder, inner(builder, rootGradient, root), -0.5),
    builder.add("Neg", [inner(builder, gradient, normalized)]),
  ]);
  const diagonal = multiply(builder, identityOf(builder, size), ofTrace);
  return builder.add("Div", [builder.add("Add", [gradient, diagonal]), trace]);
}

export function identityOf(builder: GraphBuilder, size: number): string {
  return builder.shared(`identity:${size}`, (name) => {
    const values = new Float32Array(size * size);
    for (let index = 0; index < size; index++) values[index * (size + 1)] = 1;
    return float32Tensor(name, [size, size], values);
  });
}

export function product(builder: GraphBuilder, left: string, right: string): string {
  return builder.add("MatMul", [left, right]);
}

export function transposed(builder: GraphBuilder, matrix: string): string {
  return transpose(builder, matrix, [1, 0]);
}

/** ⟨A, B⟩ = Σ a·b, 1 × 1; with the identity the trace. */
function inner(builder: GraphBuilder, left: string, right: string): string {
  return sumOver(builder, multiply(builder, left, right), [0, 1], true);
}
