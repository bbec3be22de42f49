import type { GraphBuilder } from "../graph/builder.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { multiply, scale, sumOver, transpose } from "./emit.ts";

/*
 * Newton and Schulz's iterations for the inverse square root of a covariance Σ (C × C), as Huang et
 * al., "Iterative Normalization: Beyond Standardization towards Efficient Whitening", 2019 (algorithm
 * 1) unroll them:
 *
 *   S = Σ/tr(Σ),  P₀ = I,  P_k = ½·(3·P_{k−1} − P_{k−1}³·S),  W = P_T/√tr(Σ)
 *
 * Dividing by the trace brings every eigenvalue into (0, 1], where the iterations converge.
 */

/** Names of the values that the gradient needs again. */
export interface InverseRoot {
  /** W, C × C. */
  readonly root: string;
  /** tr(Σ), 1 × 1. */
  readonly trace: string;
  readonly normalized: string;
  /** P₁ to P_T. */
  readonly iterates: readonly string[];
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
  const iterates: string[] = [];
  for (let k = 0; k < iterations; k++) {
    const last = iterates.at(-1);
    const cubed =
      last === undefined ? normalized : product(builder, cube(builder, last), normalized);
    const difference = builder.add("Sub", [scale(builder, last ?? identity, 3), cubed]);
    iterates.push(scale(builder, difference, 0.5));
  }
  const root = builder.add("Div", [iterates.at(-1) ?? identity, builder.add("Sqrt", [trace])]);
  return { root, trace, normalized, iterates };
}

/**
 * ∂ℓ/∂Σ from D = ∂ℓ/∂W, the iterations in reverse. With E = ∂ℓ/∂P_k and P = P_{k−1}:
 *
 *   ∂ℓ/∂P_T = D/√t,  ∂ℓ/∂t ∋ −½·⟨D, W⟩/t   (t = tr Σ)
 *   ∂ℓ/∂S ∋ −½·(P³)ᵀ·E
 *   ∂ℓ/∂P = 3/2·E − ½·(F·(P²)ᵀ + Pᵀ·F·Pᵀ + (P²)ᵀ·F)   with   F = E·Sᵀ
 *   ∂ℓ/∂t ∋ −⟨∂ℓ/∂S, S⟩/t,  ∂ℓ/∂Σ = ∂ℓ/∂S/t + ∂ℓ/∂t·I
 */
export function addInverseRootGradient(
  builder: GraphBuilder,
  { root, trace, normalized, iterates }: InverseRoot,
  rootGradient: string,
  size: number,
): string {
  const s = transposed(builder, normalized);
  let e = builder.add("Div", [rootGradient, builder.add("Sqrt", [trace])]);
  let ofNormalized: string | undefined;
  for (let k = iterates.length - 1; k > 0; k--) {
    const p = iterates[k - 1] as string;
    const square = transposed(builder, product(builder, p, p));
    const flipped = transposed(builder, p);
    const third = product(builder, product(builder, square, flipped), e);
    ofNormalized = ofNormalized === undefined ? third : builder.add("Add", [ofNormalized, third]);
    const f = product(builder, e, s);
    const sum = builder.add("Sum", [
      product(builder, f, square),
      product(builder, product(builder, flipped, f), flipped),
      product(builder, square, f),
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

function cube(builder: GraphBuilder, matrix: string): string {
  return product(builder, product(builder, matrix, matrix), matrix);
}

/** ⟨A, B⟩ = Σ a·b, 1 × 1; with the identity the trace. */
function inner(builder: GraphBuilder, left: string, right: string): string {
  return sumOver(builder, multiply(builder, left, right), [0, 1], true);
}
