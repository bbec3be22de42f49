import { floatAttribute, intAttribute } from "../graph/attributes.ts";
import { addNode, multiply, reshape, sumOver } from "./emit.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  TrainingForwardRule,
} from "./operator.ts";
import { normalize, throughNormalization } from "./sample-normalization.ts";
import { rangeOf } from "./shape-algebra.ts";
import { likeInput } from "./shape-rules.ts";

/*
 * Group normalization (Y. Wu and K. He, 2018): the channels of a sample in groups of neighbours, each
 * normalized over its channels and positions. Scale and shift are one number a channel from operator
 * set 21 on, and one number a group before.
 */

type Context = Pick<GradientContext, "builder" | "node" | "inputShape">;

/** (N, C, H…) seen as (N, G, C/G, P): normalized over the last two axes. */
function groupedShape(context: Context): [number, number, number, number] {
  const [batch = 1, channels = 1, ...sizes] = context.inputShape(0);
  const groups = intAttribute(context.node, "num_groups", 1);
  return [batch, groups, channels / groups, sizes.reduce((count, size) => count * size, 1)];
}

/** Scale or shift as (G, C/G, 1), or (G, 1, 1) where it is one number a group. */
function parameterShape(context: Context): number[] {
  const [, groups, perGroup] = groupedShape(context);
  const [count = groups] = context.inputShape(1);
  return [groups, count === groups * perGroup ? perGroup : 1, 1];
}

const groupNormForward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs } = context;
  const [input = "", weight = "", bias = ""] = inputs;
  const epsilon = floatAttribute(context.node, "epsilon", 1e-5);
  const grouped = reshape(builder, input, groupedShape(context));
  const { normalized, inverse } = normalize(builder, grouped, [2, 3], epsilon);
  context.save("normalized", normalized);
  context.save("inverse", inverse);
  const parameters = parameterShape(context);
  const scaled = multiply(builder, normalized, reshape(builder, weight, parameters));
  const shifted = builder.add("Add", [scaled, reshape(builder, bias, parameters)]);
  addNode(builder, "Reshape", [shifted, builder.ints(context.inputShape(0))], outputs);
};

const groupNormGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const normalized = { normalized: context.saved("normalized"), inverse: context.saved("inverse") };
  const grouped = reshape(builder, gradient, groupedShape(context));
  const parameters = parameterShape(context);
  const axes = [0, ...rangeOf(3, 1).filter((axis) => parameters[axis - 1] === 1 && axis > 1)];
  const ofParameter = (value: string) =>
    reshape(builder, sumOver(builder, value, axes), context.inputShape(1));
  const ofInput = () => {
    const scaled = multiply(builder, grouped, reshape(builder, inputs[1] ?? "", parameters));
    const through = throughNormalization(builder, scaled, normalized, [2, 3]);
    return reshape(builder, through, context.inputShape(0));
  };
  return [
    context.needs(0) ? ofInput() : undefined,
    context.needs(1) ? ofParameter(multiply(builder, grouped, normalized.normalized)) : undefined,
    context.needs(2) ? ofParameter(grouped) : undefined,
  ];
};

export const groupNormalizationRules: readonly OperatorRule[] = [
  {
    opType: "GroupNormalization",
    inferShapes: likeInput(),
    trainingForward: groupNormForward,
    gradient: groupNormGradient,
  },
];
