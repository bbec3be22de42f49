import type { GraphBuilder } from "../graph/builder.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { multiplyAlong, reshape } from "./emit.ts";

/*
 * Operators such as Resize and Pad are linear, one axis after the other: Y = R·X along each. R is what
 * the operator makes of the identity, so that the gradient Rᵀ·∂L/∂Y belongs to the forward pass that
 * ONNX Runtime computes, whatever mode it is. R depends on no input, and the runtime computes it once,
 * when the session is created.
 */

/** The identity of shape (1, 1, size, size). */
export function identityImage(builder: GraphBuilder, size: number): string {
  return builder.shared(`identity:${size}`, (name) => {
    const values = new Float32Array(size * size);
    for (let position = 0; position < size; position++) values[position * (size + 1)] = 1;
    return float32Tensor(name, [1, 1, size, size], values);
  });
}

export interface AxisOperator {
  readonly axis: number;
  /** Applies the operator to an image (1, 1, n, n) along its last axis: (1, 1, n, m) is Rᵀ. */
  apply(builder: GraphBuilder, image: string): string;
}

/**
 * Rᵀ·∂L/∂Y along each of the axes.
 *
 * @param from shape of X, and `to` that of Y and of the gradient.
 * @returns ∂L/∂X, of shape `from`.
 */
export function throughAxes(
  builder: GraphBuilder,
  gradient: string,
  operators: readonly AxisOperator[],
  from: readonly number[],
  to: readonly number[],
): string {
  let value = gradient;
  const shape = [...to];
  for (const { axis, apply } of operators) {
    const [before, after] = [from[axis] ?? 1, shape[axis] ?? 1];
    const image = apply(builder, identityImage(builder, before));
    const matrix = reshape(builder, image, [before, after]);
    value = multiplyAlong(builder, value, shape, axis, matrix, before);
    shape[axis] = before;
  }
  return value;
}
