import { intAttribute, intsAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import { blockedRules } from "./conv-blocked.ts";
import { convGeometry } from "./conv-geometry.ts";
import { forwardRecipe, inputGradientRecipe, weightGradientRecipe } from "./conv-recipes.ts";
import { convTransposeGradient, convTransposeSizes } from "./conv-transpose.ts";
import { sumPerChannel } from "./emit.ts";
import type { GradientRule, OperatorRule, ShapeRule, TrainingForwardRule } from "./operator.ts";
import { staticShape } from "./shape-algebra.ts";
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

const convForward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs, convolutions } = context;
  const [input = "", weight = "", bias = ""] = inputs;
  const geometry = convGeometry(context);
  const { forward } = convolutions.choose(geometry);
  const values = { input, weight, bias, output: outputs[0] ?? "" };
  forwardRecipe(forward).build(builder, geometry, values, convolutions.machine);
};

/** Y = X ∗ W + B. The bias is added at every position, so its gradient sums over all of them. */
const convGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, convolutions } = context;
  const { machine } = convolutions;
  const [input = "", weight = ""] = inputs;
  const geometry = convGeometry(context);
  const choice = convolutions.choose(geometry);
  const inputGradient = inputGradientRecipe(choice.inputGradient);
  const weightGradient = weightGradientRecipe(choice.weightGradient);
  const gradientOf = (index: number, build: () => string) =>
    context.needs(index) ? build() : undefined;
  return [
    gradientOf(0, () => inputGradient.build(builder, geometry, weight, gradient, machine)),
    gradientOf(1, () => weightGradient.build(builder, geometry, input, gradient, machine)),
    gradientOf(2, () => sumPerChannel(builder, gradient, context.outputShape(0))),
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
  {
    opType: "Conv",
    inferShapes: convShape,
    trainingForward: convForward,
    gradient: convGradient,
  },
  { opType: "ConvTranspose", inferShapes: convTransposeShape, gradient: convTransposeGradient },
  ...blockedRules,
];
