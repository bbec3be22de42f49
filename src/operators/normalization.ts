import { floatAttribute, intAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { copyNode, meanOver, multiply, reshape, sumOver } from "./emit.ts";
import type { GradientRule, OperatorRule, ShapeRule, TrainingForwardRule } from "./operator.ts";
import { positiveAxis, rangeOf } from "./shape-algebra.ts";
import { likeInput } from "./shape-rules.ts";

/**
 * Normalizations within one sample. With x̂ = (x − μ)·inv over some axes and h = ∂L/∂x̂:
 *
 *   ∂L/∂x = inv·(h − mean(h) − x̂·mean(h·x̂))
 */
function throughNormalization(
  builder: GraphBuilder,
  gradient: string,
  normalized: string,
  inverse: string,
  axes: readonly number[],
): string {
  const mean = meanOver(builder, gradient, axes);
  const projection = meanOver(builder, multiply(builder, gradient, normalized), axes);
  const centred = builder.add("Sub", [gradient, mean]);
  const rest = builder.add("Sub", [centred, multiply(builder, normalized, projection)]);
  return multiply(builder, rest, inverse);
}

/** Mean and inverse deviation are shaped like the input with the normalized axes at 1. */
const layerNormShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const axis = positiveAxis(intAttribute(context.node, "axis", -1), input.shape.length);
  const shape = input.shape.map((size, position) => (position < axis ? size : 1));
  const statistics = { dataType: input.dataType, shape };
  return [input, statistics, statistics];
};

/** The operator's own optional outputs give the mean and 1/√(σ² + ε) for the gradient. */
const layerNormForward: TrainingForwardRule = (context) => {
  const { builder, node, inputs, outputs } = context;
  const mean = outputs[1] || builder.freshName("mean");
  const inverse = outputs[2] || builder.freshName("inverse_deviation");
  context.save("mean", mean);
  context.save("inverse", inverse);
  copyNode(builder, node, inputs, [outputs[0] ?? "", mean, inverse]);
};

const layerNormGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const [input = "", weight = ""] = inputs;
  const rank = context.inputShape(0).length;
  const axis = positiveAxis(intAttribute(context.node, "axis", -1), rank);
  const inverse = context.saved("inverse");
  const centred = builder.add("Sub", [input, context.saved("mean")]);
  const normalized = multiply(builder, centred, inverse);
  const inputGradient = () => {
    const scaled = multiply(builder, gradient, weight);
    return throughNormalization(builder, scaled, normalized, inverse, rangeOf(rank - axis, axis));
  };
  return [
    context.needs(0) ? inputGradient() : undefined,
    context.needs(1) ? multiply(builder, gradient, normalized) : undefined,
    context.needs(2) ? gradient : undefined,
  ];
};

/** Statistics of each channel of each sample; they are cheap next to the rest, so taken again. */
const instanceNormGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const [input = "", weight = ""] = inputs;
  const shape = context.inputShape(0);
  const axes = rangeOf(shape.length - 2, 2);
  const centred = builder.add("Sub", [input, meanOver(builder, input, axes)]);
  const variance = meanOver(builder, multiply(builder, centred, centred), axes);
  const epsilon = builder.scalar(floatAttribute(context.node, "epsilon", 1e-5));
  const deviation = builder.add("Sqrt", [builder.add("Add", [variance, epsilon])]);
  const inverse = builder.add("Reciprocal", [deviation]);
  const normalized = multiply(builder, centred, inverse);
  const overSamples = (value: string) => sumOver(builder, value, [0, ...axes]);
  const inputGradient = () => {
    const perChannel = reshape(builder, weight, [shape[1] ?? 1, ...axes.map(() => 1)]);
    const scaled = multiply(builder, gradient, perChannel);
    return throughNormalization(builder, scaled, normalized, inverse, axes);
  };
  return [
    context.needs(0) ? inputGradient() : undefined,
    context.needs(1) ? overSamples(multiply(builder, gradient, normalized)) : undefined,
    context.needs(2) ? overSamples(gradient) : undefined,
  ];
};

export const normalizationRules: readonly OperatorRule[] = [
  {
    opType: "LayerNormalization",
    inferShapes: layerNormShape,
    trainingForward: layerNormForward,
    gradient: layerNormGradient,
  },
  {
    opType: "InstanceNormalization",
    inferShapes: likeInput(),
    gradient: instanceNormGradient,
  },
  ...[
    "GroupNormalization",
    "RMSNormalization",
    "LRN",
    "LpNormalization",
    "MeanVarianceNormalization",
  ].map((opType) => ({ opType, inferShapes: likeInput() })),
];
