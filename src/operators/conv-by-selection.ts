import type { GraphBuilder } from "../graph/builder.ts";
import { elementCount } from "../graph/tensor.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import type { ConvForwardRecipe, ConvGradientRecipe } from "./conv-recipe.ts";
import { biasAtOutputs, tapConstant } from "./conv-taps.ts";
import { addNode, reshape, sumOverFirst, swapFirstTwo, swapLastTwo } from "./emit.ts";

/*
 * Convolution of small images as matrix products. With X as (N·C, P), P the positions of an image,
 * and the constant 0/1 matrix S (P, T·O) whose column t·O + o picks what tap t reads for output o:
 *
 *   columns = X·S as (N, C·T, O),  Y[n] = W·columns[n] with W as (M, C·T)
 *   ∂L/∂W = Σ_n ∂L/∂Y[n]·columns[n]ᵀ,  ∂L/∂X = (Wᵀ·∂L/∂Y) as (N·C, T·O) · Sᵀ
 *
 * Both products with S are work that im2col and col2im do by copying, but as large products they
 * are far faster than ONNX Runtime's convolution of one small image after the other.
 */

/**
 * Images up to this many positions. Measured with 2 threads, batches of 32 and 64 and 16 to 512
 * channels, forward and both gradients together: 1.3 to 2.5 × as fast at 1×1 to 8×8, level at 10×10,
 * slower beyond.
 */
const MOST_POSITIONS = 64;

function applies(geometry: ConvGeometry): boolean {
  return (
    geometry.group === 1 &&
    elementCount(geometry.kernel) > 1 &&
    elementCount(geometry.sizes) <= MOST_POSITIONS &&
    elementCount(geometry.outputSizes) <= MOST_POSITIONS
  );
}

/** The input's columns (N, C·T, O), which the forward product and the weight's gradient share. */
function selectColumns(builder: GraphBuilder, geometry: ConvGeometry, input: string): string {
  const { batch, channels, kernel, sizes, outputSizes } = geometry;
  const matrix = selection(builder, geometry, "inputs");
  return builder.once(`columns:${input}:${matrix}`, () => {
    const images = reshape(builder, input, [batch * channels, elementCount(sizes)]);
    const columns = builder.add("MatMul", [images, matrix]);
    const rows = channels * elementCount(kernel);
    return reshape(builder, columns, [batch, rows, elementCount(outputSizes)]);
  });
}

export const forwardBySelection: ConvForwardRecipe = {
  name: "selection",
  applies,
  build: (builder, geometry, { input, weight, bias, output }) => {
    const { batch, filters, outputSizes } = geometry;
    const columns = selectColumns(builder, geometry, input);
    const product = builder.add("MatMul", [weightRows(builder, geometry, weight), columns]);
    const shifted =
      bias === "" ? product : builder.add("Add", [product, biasAtOutputs(builder, geometry, bias)]);
    const shape = builder.ints([batch, filters, ...outputSizes]);
    addNode(builder, "Reshape", [shifted, shape], [output]);
  },
};

export const inputBySelection: ConvGradientRecipe = {
  name: "selection",
  applies,
  build: (builder, geometry, weight, gradient) => {
    const { batch, channels, kernel, sizes } = geometry;
    const rows = swapLastTwo(builder, weightRows(builder, geometry, weight), 2);
    const columns = builder.add("MatMul", [rows, gradientRows(builder, geometry, gradient)]);
    const width = elementCount(kernel) * elementCount(geometry.outputSizes);
    const flat = reshape(builder, columns, [batch * channels, width]);
    const images = builder.add("MatMul", [flat, selection(builder, geometry, "outputs")]);
    return reshape(builder, images, [batch, channels, ...sizes]);
  },
};

export const weightBySelection: ConvGradientRecipe = {
  name: "selection",
  applies,
  build: (builder, geometry, input, gradient) => {
    const { batch, channels, filters, kernel } = geometry;
    const rows = channels * elementCount(kernel);
    const positions = elementCount(geometry.outputSizes);
    const outputs = gradientRows(builder, geometry, gradient);
    const turned = swapLastTwo(builder, selectColumns(builder, geometry, input), 3);
    // One product over the whole batch saves adding up the images' own, (M, C·T) each, but the
    // columns, (C·T, O) each, must be turned for it: worth it where those are the smaller.
    if (filters <= 2 * positions) {
      const products = builder.add("MatMul", [outputs, turned]);
      return sumOverFirst(builder, products, batch, [filters, channels, ...kernel]);
    }
    const stacked = reshape(builder, turned, [batch * positions, rows]);
    const sideBySide = swapFirstTwo(builder, outputs, 3);
    const flat = reshape(builder, sideBySide, [filters, batch * positions]);
    const product = builder.add("MatMul", [flat, stacked]);
    return reshape(builder, product, [filters, channels, ...kernel]);
  },
};

function weightRows(builder: GraphBuilder, geometry: ConvGeometry, weight: string): string {
  const { filters, channels, kernel } = geometry;
  return reshape(builder, weight, [filters, channels * elementCount(kernel)]);
}

function gradientRows(builder: GraphBuilder, geometry: ConvGeometry, gradient: string): string {
  const { batch, filters, outputSizes } = geometry;
  return reshape(builder, gradient, [batch, filters, elementCount(outputSizes)]);
}

/** S (P, T·O), or its transpose for what goes back to the inputs. */
function selection(
  builder: GraphBuilder,
  geometry: ConvGeometry,
  of: "inputs" | "outputs",
): string {
  const { kernel, sizes, outputSizes } = geometry;
  const outputs = elementCount(outputSizes);
  const columns = elementCount(kernel) * outputs;
  const inputs = elementCount(sizes);
  return of === "inputs"
    ? tapConstant(builder, geometry, "selection", [inputs, columns], ({ tap, input, output }) => [
        input,
        tap * outputs + output,
      ])
    : tapConstant(builder, geometry, "return", [columns, inputs], ({ tap, input, output }) => [
        tap * outputs + output,
        input,
      ]);
}
