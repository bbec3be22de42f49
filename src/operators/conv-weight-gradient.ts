import type { GraphBuilder } from "../graph/builder.ts";
import { elementCount, float32Tensor } from "../graph/tensor.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import type { ConvGradientRecipe } from "./conv-recipe.ts";
import {
  padWithZeros,
  reshape,
  slice,
  sumOverFirst,
  swapFirstTwo,
  swapLastTwo,
  transpose,
} from "./emit.ts";
import { coordinates, rangeOf } from "./shape-algebra.ts";

/*
 * The gradient of Conv with respect to its weight: each kernel position (a "tap") correlates the
 * output gradient with the inputs that this position read.
 */

/**
 * Conv(Xᵀ, ∂L/∂Yᵀ) with batch and channels swapped and strides and dilations swapped; holds for
 * every Conv. Where inputs at the end were left over it yields more than k taps, which are cut.
 */
export const correlation: ConvGradientRecipe = {
  name: "correlation",
  applies: () => true,
  build: (builder, geometry, input, gradient) => {
    const { group, channels, filters, kernel } = geometry;
    const rank = kernel.length + 2;
    const perGroup = channels / group;
    const images = channelsFirst(builder, geometry, input);
    const correlated = builder.add("Conv", [images, swapFirstTwo(builder, gradient, rank)], {
      attributes: {
        group: { int: group },
        kernel_shape: { ints: geometry.outputSizes },
        strides: { ints: geometry.dilations },
        dilations: { ints: geometry.strides },
        pads: { ints: [...geometry.begin, ...geometry.end] },
      },
    });
    const cut = rangeOf(kernel.length).map((axis) => ({
      axis: axis + 2,
      start: 0,
      end: kernel[axis] ?? 1,
    }));
    const taps = slice(builder, correlated, cut);
    return reshape(builder, swapFirstTwo(builder, taps, rank), [filters, perGroup, ...kernel]);
  },
};

/** (N, C, …) to (C/G, G·N, …): batch and channels swapped within each group. */
function channelsFirst(builder: GraphBuilder, geometry: ConvGeometry, input: string): string {
  const { group, batch, channels, sizes } = geometry;
  if (group === 1) return swapFirstTwo(builder, input, sizes.length + 2);
  const grouped = reshape(builder, input, [batch, group, channels / group, ...sizes]);
  const moved = transpose(builder, grouped, [2, 1, 0, ...rangeOf(sizes.length, 3)]);
  return reshape(builder, moved, [channels / group, group * batch, ...sizes]);
}

/**
 * For each tap t, Σ_n ∂L/∂Y[n]·X_t[n]ᵀ with X_t (N, C, P) the inputs that the tap read; one
 * matrix product a tap.
 */
export const productPerTap: ConvGradientRecipe = {
  name: "product-per-tap",
  applies: (geometry) => geometry.group === 1,
  build: (builder, geometry, input, gradient) => {
    const products = flatTaps(builder, geometry, input).map((tap) => {
      return outerProduct(builder, geometry, gradient, tap, [
        geometry.filters,
        geometry.channels,
        1,
      ]);
    });
    const all =
      products.length === 1
        ? (products[0] as string)
        : builder.add("Concat", products, { attributes: { axis: { int: 2 } } });
    return reshape(builder, all, [geometry.filters, geometry.channels, ...geometry.kernel]);
  },
};

/** The same with the inputs of all taps stacked (im2col): one larger matrix product. */
export const stackedTaps: ConvGradientRecipe = {
  name: "stacked-taps",
  applies: (geometry) => geometry.group === 1,
  build: (builder, geometry, input, gradient) => {
    const { filters, channels, kernel } = geometry;
    const taps = flatTaps(builder, geometry, input);
    if (taps.length === 1) {
      return outerProduct(builder, geometry, gradient, taps[0] as string, [
        filters,
        channels,
        ...kernel,
      ]);
    }
    const columns = builder.add("Concat", taps, { attributes: { axis: { int: 1 } } });
    const shape = [filters, taps.length, channels];
    const byTap = outerProduct(builder, geometry, gradient, columns, shape);
    return reshape(builder, swapLastTwo(builder, byTap, 3), [filters, channels, ...kernel]);
  },
};

/**
 * The same with the columns made by one depthwise convolution whose filters each pick one tap: it
 * pads, strides and dilates by itself, and channel and tap already lie in the weight's order.
 */
export const columnsByConvolution: ConvGradientRecipe = {
  name: "columns-by-convolution",
  applies: (geometry) => geometry.group === 1 && geometry.readEnd.every((size) => size >= 0),
  build: (builder, geometry, input, gradient) => {
    const { batch, channels, filters, kernel, outputSizes } = geometry;
    const columns = builder.add("Conv", [input, tapPicker(builder, geometry)], {
      attributes: {
        group: { int: channels },
        kernel_shape: { ints: kernel },
        strides: { ints: geometry.strides },
        dilations: { ints: geometry.dilations },
        pads: { ints: [...geometry.begin, ...geometry.readEnd] },
      },
    });
    const shape = [batch, channels * elementCount(kernel), elementCount(outputSizes)];
    const flat = reshape(builder, columns, shape);
    return outerProduct(builder, geometry, gradient, flat, [filters, channels, ...kernel]);
  },
};

/**
 * ∂L/∂Y as (M, N·P) times X_t with channels last, (N·P, C), for every tap: one product over the whole
 * batch, so that there are no images' own products to add up.
 */
export const tapsChannelsLast: ConvGradientRecipe = {
  name: "taps-channels-last",
  applies: (geometry) => geometry.group === 1,
  build: (builder, geometry, input, gradient) => {
    const { batch, channels, filters, kernel, outputSizes } = geometry;
    const rank = kernel.length;
    const positions = batch * elementCount(outputSizes);
    const rows = reshape(builder, swapFirstTwo(builder, gradient, rank + 2), [filters, positions]);
    const lastChannels = [0, ...rangeOf(rank, 2), 1];
    const products = inputsOfTaps(builder, geometry, input, lastChannels).map((tap) =>
      builder.add("MatMul", [rows, reshape(builder, tap, [positions, channels])]),
    );
    const all =
      products.length === 1
        ? (products[0] as string)
        : builder.add("Concat", products, { attributes: { axis: { int: 1 } } });
    const byTap = reshape(builder, all, [filters, elementCount(kernel), channels]);
    return reshape(builder, swapLastTwo(builder, byTap, 3), [filters, channels, ...kernel]);
  },
};

/** (C·T, 1, k…): for every channel, T filters with a single 1, each at another tap. */
function tapPicker(builder: GraphBuilder, { channels, kernel }: ConvGeometry): string {
  const taps = elementCount(kernel);
  const values = new Float32Array(channels * taps * taps);
  for (let row = 0; row < channels * taps; row++) values[row * taps + (row % taps)] = 1;
  const name = builder.freshName("tap_picker");
  return builder.addInitializer(float32Tensor(name, [channels * taps, 1, ...kernel], values));
}

/**
 * X_t for every tap t in row-major order: the strided part of the padded input, (N, C, O…) or its
 * axes in the given order.
 *
 * With strides, taps whose positions agree modulo the stride read the same sublattice of the
 * input. It is cut out once, because slices with a step are slow, and the taps are plain slices
 * of it.
 */
function inputsOfTaps(
  builder: GraphBuilder,
  geometry: ConvGeometry,
  input: string,
  order: readonly number[] = rangeOf(geometry.kernel.length + 2),
): string[] {
  const { kernel, dilations, strides, outputSizes } = geometry;
  const end = geometry.readEnd.map((size) => Math.max(size, 0));
  const filled = padWithZeros(builder, input, [0, 0, ...geometry.begin], [0, 0, ...end]);
  const moved = order.some((axis, position) => axis !== position);
  const padded = moved ? transpose(builder, filled, order) : filled;
  const paddedSizes = geometry.sizes.map(
    (size, axis) => size + (geometry.begin[axis] ?? 0) + (end[axis] ?? 0),
  );
  const sublattices = new Map<string, string>();
  return rangeOf(elementCount(kernel)).map((tap) => {
    const axes = coordinates(tap, kernel).map((offset, axis) => {
      const [step, position] = [strides[axis] ?? 1, offset * (dilations[axis] ?? 1)];
      const phase = position % step;
      const available = Math.ceil(((paddedSizes[axis] ?? 0) - phase) / step);
      const first = Math.floor(position / step);
      const count = outputSizes[axis] ?? 1;
      const size = paddedSizes[axis] ?? 0;
      return { axis: order.indexOf(axis + 2), size, step, phase, available, first, count };
    });
    const key = axes.map(({ phase }) => phase).join();
    const phases = axes.filter(({ step }) => step > 1);
    const sublattice =
      sublattices.get(key) ??
      slice(
        builder,
        padded,
        phases.map(({ axis, phase, size, step }) => ({ axis, start: phase, end: size, step })),
      );
    sublattices.set(key, sublattice);
    const cuts = axes.filter(({ count, available }) => count < available);
    return slice(
      builder,
      sublattice,
      cuts.map(({ axis, first, count }) => ({ axis, start: first, end: first + count })),
    );
  });
}

/** X_t as (N, C, P). */
function flatTaps(builder: GraphBuilder, geometry: ConvGeometry, input: string): string[] {
  const shape = [geometry.batch, geometry.channels, elementCount(geometry.outputSizes)];
  return inputsOfTaps(builder, geometry, input).map((tap) => reshape(builder, tap, shape));
}

/** Σ_n ∂L/∂Y[n] (M, P) · columns[n] (K, P)ᵀ, the (M, K) of it in the given shape. */
function outerProduct(
  builder: GraphBuilder,
  geometry: ConvGeometry,
  gradient: string,
  columns: string,
  shape: readonly number[],
): string {
  const positions = elementCount(geometry.outputSizes);
  const rows = reshape(builder, gradient, [geometry.batch, geometry.filters, positions]);
  const products = builder.add("MatMul", [rows, swapLastTwo(builder, columns, 3)]);
  return sumOverFirst(builder, products, geometry.batch, shape);
}
