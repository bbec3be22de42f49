import { intAttribute, intsAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { elementCount, float32Tensor } from "../graph/tensor.ts";
import { leftoverPadding } from "./conv-input-gradient.ts";
import { multiply, padWithZeros, scale } from "./emit.ts";
import type { GradientContext, GradientRule } from "./operator.ts";
import { readEndPadding, type Window, windowExtent, windowOf } from "./window.ts";

export interface PoolGeometry extends Window {
  readonly inputShape: readonly number[];
  readonly sizes: readonly number[];
  readonly outputSizes: readonly number[];
  readonly readEnd: readonly number[];
}

/**
 * Each output spreads ∂L/∂Y / count evenly over the inputs of its window.
 *
 * Windows that tile the image repeat it, stride 1 is a pooling of its own, and everything else is
 * a transposed convolution with ones.
 */
export const averagePoolGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const geometry = poolGeometry(context);
  const share = shareOfEachInput(context, geometry, gradient);
  return [spreadOverWindows(context.builder, geometry, share)];
};

/** Adds each number of an output to every input of its window. */
export function spreadOverWindows(
  builder: GraphBuilder,
  geometry: PoolGeometry,
  value: string,
): string {
  const recipe = [repeat, poolAgain].find((each) => each.applies(geometry)) ?? transposedOnes;
  return recipe.build(builder, geometry, value);
}

export function poolGeometry(context: GradientContext): PoolGeometry {
  const inputShape = context.inputShape(0);
  const sizes = inputShape.slice(2);
  const outputSizes = context.outputShape(0).slice(2);
  const window = windowOf(
    context.node,
    intsAttribute(context.node, "kernel_shape") ?? sizes,
    sizes,
  );
  const readEnd = readEndPadding(window, sizes, outputSizes);
  return { ...window, inputShape, sizes, outputSizes, readEnd };
}

/** ∂L/∂Y divided by how many positions each output averaged. */
function shareOfEachInput(
  context: GradientContext,
  geometry: PoolGeometry,
  gradient: string,
): string {
  const includePadding = intAttribute(context.node, "count_include_pad", 0) === 1;
  const counts = geometry.sizes.map((_, axis) => countsAlong(geometry, axis, includePadding));
  const shares = counts.reduce<number[]>(
    (product, axis) => product.flatMap((before) => axis.map((count) => before * count)),
    [1],
  );
  const [first = 1] = shares;
  if (shares.every((count) => count === first)) return scale(context.builder, gradient, 1 / first);
  const name = context.builder.freshName("pool_share");
  const values = Float32Array.from(shares, (count) => 1 / count);
  const map = float32Tensor(name, [1, 1, ...geometry.outputSizes], values);
  return multiply(context.builder, gradient, context.builder.addInitializer(map));
}

/**
 * How many positions each window counts along an axis: those inside the image, or inside the
 * padded image. A last window that ceil_mode added may reach beyond the padding; that never counts.
 */
function countsAlong(geometry: PoolGeometry, axis: number, includePadding: boolean): number[] {
  const [begin, end, size] = [
    geometry.begin[axis] ?? 0,
    geometry.end[axis] ?? 0,
    geometry.sizes[axis] ?? 1,
  ];
  const [low, high] = includePadding ? [-begin, size + end] : [0, size];
  return Array.from({ length: geometry.outputSizes[axis] ?? 1 }, (_, output) => {
    const start = output * (geometry.strides[axis] ?? 1) - begin;
    const positions = Array.from(
      { length: geometry.kernel[axis] ?? 1 },
      (_tap, tap) => start + tap * (geometry.dilations[axis] ?? 1),
    );
    return positions.filter((position) => position >= low && position < high).length;
  });
}

interface SpreadRecipe {
  applies(geometry: PoolGeometry): boolean;
  build(builder: GraphBuilder, geometry: PoolGeometry, share: string): string;
}

/** Windows side by side without padding: nearest-neighbour enlargement, zeros for leftovers. */
const repeat: SpreadRecipe = {
  applies: (geometry) =>
    geometry.kernel.every(
      (size, axis) =>
        geometry.strides[axis] === size &&
        geometry.begin[axis] === 0 &&
        (geometry.readEnd[axis] ?? 0) <= 0 &&
        (geometry.dilations[axis] === 1 || size === 1),
    ),
  build: (builder, geometry, share) => {
    const name = builder.freshName("scales");
    const scales = float32Tensor(name, [geometry.kernel.length + 2], [1, 1, ...geometry.kernel]);
    const enlarged = builder.add("Resize", [share, "", builder.addInitializer(scales)], {
      attributes: {
        mode: { string: "nearest" },
        coordinate_transformation_mode: { string: "asymmetric" },
        nearest_mode: { string: "floor" },
      },
    });
    const none = geometry.inputShape.map(() => 0);
    return padWithZeros(builder, enlarged, none, [0, 0, ...geometry.readEnd.map((end) => -end)]);
  },
};

/** Stride 1: the sum over a window of ∂L/∂Y with k − 1 − p padding, as k times its average. */
const poolAgain: SpreadRecipe = {
  applies: (geometry) =>
    geometry.strides.every((stride) => stride === 1) &&
    geometry.dilations.every((dilation) => dilation === 1) &&
    poolAgainPads(geometry).every((pad) => pad >= 0),
  build: (builder, geometry, share) => {
    const pooled = builder.add("AveragePool", [share], {
      attributes: {
        kernel_shape: { ints: geometry.kernel },
        pads: { ints: poolAgainPads(geometry) },
        count_include_pad: { int: 1 },
      },
    });
    return scale(builder, pooled, elementCount(geometry.kernel));
  },
};

/** ONNX Runtime refuses pooling pads as wide as the kernel; k − 1 − p never is. */
function poolAgainPads(geometry: PoolGeometry): number[] {
  const reach = geometry.kernel.map((_, axis) => windowExtent(geometry, axis) - 1);
  return [
    ...reach.map((size, axis) => size - (geometry.begin[axis] ?? 0)),
    ...reach.map((size, axis) => size - (geometry.end[axis] ?? 0)),
  ];
}

const transposedOnes: SpreadRecipe = {
  applies: () => true,
  build: (builder, geometry, share) => {
    const channels = geometry.inputShape[1] ?? 1;
    const ones = builder.add("Expand", [
      builder.scalar(1),
      builder.ints([channels, 1, ...geometry.kernel]),
    ]);
    return builder.add("ConvTranspose", [share, ones], {
      attributes: {
        group: { int: channels },
        kernel_shape: { ints: geometry.kernel },
        strides: { ints: geometry.strides },
        dilations: { ints: geometry.dilations },
        ...leftoverPadding(geometry),
      },
    });
  },
};
