import type { GraphBuilder } from "../graph/builder.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import type { ConvGradientRecipe } from "./conv-recipe.ts";
import { reshape, slice, swapFirstTwo, transpose } from "./emit.ts";
import { rangeOf } from "./shape-algebra.ts";
import { windowExtent } from "./window.ts";

/** ∂L/∂X = ConvTranspose(∂L/∂Y, W) with the forward's own window; holds for every Conv. */
export const transposedConvolution: ConvGradientRecipe = {
  name: "transposed-convolution",
  applies: () => true,
  build: (builder, geometry, weight, gradient) =>
    builder.add("ConvTranspose", [gradient, weight], {
      attributes: {
        group: { int: geometry.group },
        kernel_shape: { ints: geometry.kernel },
        strides: { ints: geometry.strides },
        dilations: { ints: geometry.dilations },
        ...leftoverPadding(geometry),
      },
    }),
};

/**
 * Padding of a ConvTranspose that gives the input's size back: what the windows read beyond the
 * end is cut off, and inputs that no window reached are padded with zeros.
 */
export function leftoverPadding(geometry: Pick<ConvGeometry, "begin" | "readEnd">) {
  return {
    pads: { ints: [...geometry.begin, ...geometry.readEnd.map((end) => Math.max(end, 0))] },
    output_padding: { ints: geometry.readEnd.map((end) => Math.max(-end, 0)) },
  };
}

/**
 * Stride 1: Conv(∂L/∂Y, flip(W)ᵀ) with (k − 1)·d − p padding, where ᵀ swaps input and output
 * channels within each group. Does not apply where that padding would be negative.
 */
export const flippedConvolution: ConvGradientRecipe = {
  name: "flipped-convolution",
  applies: (geometry) =>
    geometry.strides.every((stride) => stride === 1) && fullPads(geometry).every((pad) => pad >= 0),
  build: (builder, geometry, weight, gradient) =>
    builder.add("Conv", [gradient, flippedWeight(builder, geometry, weight)], {
      attributes: {
        group: { int: geometry.group },
        kernel_shape: { ints: geometry.kernel },
        dilations: { ints: geometry.dilations },
        pads: { ints: fullPads(geometry) },
      },
    }),
};

/** (k − 1)·d − p on either side, begins before ends. */
export function fullPads(geometry: ConvGeometry): number[] {
  const reach = geometry.kernel.map((_, axis) => windowExtent(geometry, axis) - 1);
  return [
    ...reach.map((size, axis) => size - (geometry.begin[axis] ?? 0)),
    ...reach.map((size, axis) => size - (geometry.end[axis] ?? 0)),
  ];
}

/** (M, C/G, k…) to (C, M/G, k…), every kernel reversed. */
export function flippedWeight(
  builder: GraphBuilder,
  geometry: ConvGeometry,
  weight: string,
): string {
  const { group, kernel, channels, filters } = geometry;
  const reversed = reverse(builder, weight, kernel);
  if (group === 1) return swapFirstTwo(builder, reversed, kernel.length + 2);
  if (group === filters && group === channels) return reversed;
  const grouped = reshape(builder, reversed, [group, filters / group, channels / group, ...kernel]);
  const swapped = transpose(builder, grouped, [0, 2, 1, ...rangeOf(kernel.length, 3)]);
  return reshape(builder, swapped, [channels, filters / group, ...kernel]);
}

function reverse(builder: GraphBuilder, weight: string, kernel: readonly number[]): string {
  const axes = rangeOf(kernel.length, 2).filter((axis) => kernel[axis - 2] !== 1);
  const backwards = axes.map((axis) => ({ axis, start: -1, end: -(2 ** 31), step: -1 }));
  return slice(builder, weight, backwards);
}
