import type { GraphBuilder } from "../graph/builder.ts";
import { elementCount } from "../graph/tensor.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import type { ConvForwardRecipe, ConvGradientRecipe } from "./conv-recipe.ts";
import { biasAtOutputs, tapConstant } from "./conv-taps.ts";
import { addNode, reshape, swapLastTwo, transpose } from "./emit.ts";

/*
 * Convolution of very small images as a dense layer. With P positions of an input image, O of an
 * output image and the constant 0/1 tensor S (T, P·O), which says what tap reads input p for output o,
 *
 *   D (M·O, C·P) = W·S with W as (M·C, T), its axes (M, C, P, O) in the order (M, O, C, P)
 *   Y (N, M·O) = X·Dᵀ,  ∂L/∂X (N, C·P) = ∂L/∂Y·D,  ∂L/∂D = ∂L/∂Yᵀ·X,  ∂L/∂W = ∂L/∂D·Sᵀ
 *
 * with X as (N, C·P). Where an image is a pixel or four, most taps read padding, which D leaves out,
 * and one product over the whole batch takes the place of one a image.
 */

/** D's numbers; a larger one costs more than it saves. */
const LARGEST_DENSE = 2 ** 22;

function applies(geometry: ConvGeometry): boolean {
  const { inputs, outputs } = widths(geometry);
  return geometry.group === 1 && inputs * outputs <= LARGEST_DENSE;
}

/** C·P and M·O. */
function widths({ channels, filters, sizes, outputSizes }: ConvGeometry) {
  return {
    inputs: channels * elementCount(sizes),
    outputs: filters * elementCount(outputSizes),
  };
}

export const forwardAsDense: ConvForwardRecipe = {
  name: "dense",
  applies,
  build: (builder, geometry, { input, weight, bias, output }) => {
    const { batch, filters, outputSizes } = geometry;
    const dense = swapLastTwo(builder, denseWeight(builder, geometry, weight), 2);
    const product = builder.add("MatMul", [imageRows(builder, geometry, input), dense]);
    const shifted = bias === "" ? product : addBias(builder, geometry, product, bias);
    const shape = builder.ints([batch, filters, ...outputSizes]);
    addNode(builder, "Reshape", [shifted, shape], [output]);
  },
};

export const inputAsDense: ConvGradientRecipe = {
  name: "dense",
  applies,
  build: (builder, geometry, weight, gradient) => {
    const { batch, channels, sizes } = geometry;
    const dense = denseWeight(builder, geometry, weight);
    const rows = builder.add("MatMul", [gradientRows(builder, geometry, gradient), dense]);
    return reshape(builder, rows, [batch, channels, ...sizes]);
  },
};

export const weightAsDense: ConvGradientRecipe = {
  name: "dense",
  applies,
  build: (builder, geometry, input, gradient) => {
    const { channels, filters, kernel, sizes, outputSizes } = geometry;
    const [positions, outputs] = [elementCount(sizes), elementCount(outputSizes)];
    const turned = swapLastTwo(builder, gradientRows(builder, geometry, gradient), 2);
    const dense = builder.add("MatMul", [turned, imageRows(builder, geometry, input)]);
    const split = reshape(builder, dense, [filters, outputs, channels, positions]);
    const moved = outputs === 1 ? split : transpose(builder, split, [0, 2, 3, 1]);
    const flat = reshape(builder, moved, [filters * channels, positions * outputs]);
    const taps = builder.add("MatMul", [flat, tapsOf(builder, geometry, "pairs")]);
    return reshape(builder, taps, [filters, channels, ...kernel]);
  },
};

/** D, which the forward product and the input's gradient share. */
function denseWeight(builder: GraphBuilder, geometry: ConvGeometry, weight: string): string {
  const { channels, filters, kernel, sizes, outputSizes } = geometry;
  const [positions, outputs] = [elementCount(sizes), elementCount(outputSizes)];
  const pairs = tapsOf(builder, geometry, "taps");
  return builder.once(`dense:${weight}:${pairs}`, () => {
    const taps = reshape(builder, weight, [filters * channels, elementCount(kernel)]);
    const flat = builder.add("MatMul", [taps, pairs]);
    const split = reshape(builder, flat, [filters, channels, positions, outputs]);
    const moved = outputs === 1 ? split : transpose(builder, split, [0, 3, 1, 2]);
    return reshape(builder, moved, [filters * outputs, channels * positions]);
  });
}

function addBias(builder: GraphBuilder, geometry: ConvGeometry, rows: string, bias: string) {
  const row = reshape(builder, biasAtOutputs(builder, geometry, bias), [widths(geometry).outputs]);
  return builder.add("Add", [rows, row]);
}

function imageRows(builder: GraphBuilder, geometry: ConvGeometry, input: string): string {
  return reshape(builder, input, [geometry.batch, widths(geometry).inputs]);
}

function gradientRows(builder: GraphBuilder, geometry: ConvGeometry, gradient: string): string {
  return reshape(builder, gradient, [geometry.batch, widths(geometry).outputs]);
}

/** S (T, P·O), or its transpose. */
function tapsOf(builder: GraphBuilder, geometry: ConvGeometry, from: "taps" | "pairs"): string {
  const taps = elementCount(geometry.kernel);
  const outputs = elementCount(geometry.outputSizes);
  const pairs = elementCount(geometry.sizes) * outputs;
  return from === "taps"
    ? tapConstant(builder, geometry, "taps to pairs", [taps, pairs], ({ tap, input, output }) => [
        tap,
        input * outputs + output,
      ])
    : tapConstant(builder, geometry, "pairs to taps", [pairs, taps], ({ tap, input, output }) => [
        input * outputs + output,
        tap,
      ]);
}
