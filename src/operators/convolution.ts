import { intAttribute, intsAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import { convGeometry } from "./conv-geometry.ts";
import { chooseInputGradient } from "./conv-input-gradient.ts";
import { convTransposeGradient, convTransposeSizes } from "./conv-transpose.ts";
import { chooseWeightGradient } from "./conv-weight-gradient.ts";
import { sumOver } from "./emit.ts";
import type { GradientRule, OperatorRule, ShapeRule } from "./operator.ts";
import { rangeOf, staticShape } from "./shape-algebra.ts";
import { windowOutputSizes } from "./window.ts";

/** (N, C, H…) with W (M, C/G, k…) gives (N, M, O…). */
const convShape: ShapeRule = (context) => {
  const input = context.input(0);
  const weight = context.input(1);
  const kernel = intsAttribute(context.node, "kernel_shape") ?? spatialSizes(weight?.shape);
  if (input === undefined || weight === undefined || kernel === undefined) return [];
  const [batch, , ...sizes] = input.shape;
  const [filters] = weight.shape;
  if (batch === undefined || filters === undefined || sizes.length !== kernel.length) return [];
  const shape = [batch, filters, ...windowOutputSizes(context.node, kernel, sizes)];
  return [{ dataType: input.dataType, shape }];
};

function spatialSizes(shape: readonly Dimension[] | undefined): readonly number[] | undefined {
  return shape === undefined ? undefined : staticShape(shape.slice(2));
}

/** Y = X ∗ W + B. The bias is added at every position, so its gradient sums over all of them. */
const convGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const [input = "", weight = ""] = inputs;
  const geometry = convGeometry(context);
  const gradientOf = (index: number, build: () => string) =>
    context.needs(index) ? build() : undefined;
  return [
    gradientOf(0, () => chooseInputGradient(geometry).build(builder, geometry, weight, gradient)),
    gradientOf(1, () => chooseWeightGradient(geometry).build(builder, geometry, input, gradient)),
    gradientOf(2, () => sumOver(builder, gradient, [0, ...rangeOf(geometry.sizes.length, 2)])),
  ];
};

/** (N, C, H…) with W (C, M/G, k…) gives (N, M, O…). */
const convTransposeShape: ShapeRule = (context) => {
  const input = context.input(0);
  const weight = context.input(1);
  const kernel = intsAttribute(context.node, "kernel_shape") ?? spatialSizes(weight?.shape);
  if (input === undefined || weight === undefined || kernel === undefined) return [];
  const [batch, , ...sizes] = input.shape;
  const filters = weight.shape[1];
  if (batch === undefined || typeof filters !== "number" || sizes.length !== kernel.length)
    return [];
  const outputs = convTransposeSizes(context.node, kernel, sizes);
  const shape = [batch, filters * intAttribute(context.node, "group", 1), ...outputs];
  return [{ dataType: input.dataType, shape }];
};

export const convolutionRules: readonly OperatorRule[] = [
  { opType: "Conv", inferShapes: convShape, gradient: convGradient },
  { opType: "ConvTranspose", inferShapes: convTransposeShape, gradient: convTransposeGradient },
];
