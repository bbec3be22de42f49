import type { GraphBuilder } from "../graph/builder.ts";
import { meanOver, multiply } from "./emit.ts";

/*
 * Normalization of numbers by the mean and deviation of a group of them, within one sample:
 * x̂ = (x − μ)/√(σ² + ε). Layer, instance and group normalization differ in the group.
 */

export interface Normalized {
  /** x̂, by name. */
  readonly normalized: string;
  /** 1/√(σ² + ε), with the normalized axes at 1. */
  readonly inverse: string;
}

/** Two passes over x: E[x²] − E[x]² would lose digits where the mean is far from 0. */
export function normalize(
  builder: GraphBuilder,
  value: string,
  axes: readonly number[],
  epsilon: number,
): Normalized {
  const centred = builder.add("Sub", [value, meanOver(builder, value, axes)]);
  const variance = meanOver(builder, multiply(builder, centred, centred), axes);
  const stabilized = builder.add("Add", [variance, builder.scalar(epsilon)]);
  const inverse = builder.add("Reciprocal", [builder.add("Sqrt", [stabilized])]);
  return { normalized: multiply(builder, centred, inverse), inverse };
}

/**
 * With h = ∂L/∂x̂ and means over the normalized axes (J. L. Ba et al., "Layer Normalization", 2016):
 *
 *   ∂L/∂x = inv·(h − mean(h) − x̂·mean(h·x̂))
 */
export function throughNormalization(
  builder: GraphBuilder,
  gradient: string,
  { normalized, inverse }: Normalized,
  axes: readonly number[],
): string {
  const mean = meanOver(builder, gradient, axes);
  const projection = meanOver(builder, multiply(builder, gradient, normalized), axes);
  const centred = builder.add("Sub", [gradient, mean]);
  const rest = builder.add("Sub", [centred, multiply(builder, normalized, projection)]);
  return multiply(builder, rest, inverse);
}
