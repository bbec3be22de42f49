import { floatAttribute, stringAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { clipRule } from "./clip.ts";
import { addNode, asFloat, multiply, scale } from "./emit.ts";
import type { GradientRule, OperatorRule, TrainingForwardRule } from "./operator.ts";
import { likeInput } from "./shape-rules.ts";
import { type UnaryDerivative, unaryRule } from "./unary.ts";

/** 1/√(2π) and 2/√π, of the normal density and the error function. */
const INVERSE_ROOT_TWO_PI = 0.3989422804014327;
const TWO_OVER_ROOT_PI = 1.1283791670955126;
/** √(2/π) and the cubic coefficient of GELU's tanh form (Hendrycks & Gimpel 2016). */
const ROOT_TWO_OVER_PI = 0.7978845608028654;
const GELU_CUBIC = 0.044715;
/** The self-normalizing constants of Klambauer et al. 2017, ONNX's defaults for Selu. */
const SELU_ALPHA = 1.6732632423543772;
const SELU_GAMMA = 1.0507009873554805;

/** The largest float32. */
const STEEPEST = (2 - 2 ** -23) * 2 ** 127;

/**
 * 1 where value > 0, else 0: min(1, max(0, α·value)) with an α that takes every normal number to 1 or
 * beyond. One pass instead of the two of a comparison and its Cast; Where and Sign are slower still.
 */
function isPositive(builder: GraphBuilder, value: string): string {
  return builder.add("HardSigmoid", [value], {
    attributes: { alpha: { float: STEEPEST }, beta: { float: 0 } },
  });
}

function isBetween(builder: GraphBuilder, value: string, low: number, high: number): string {
  const above = builder.add("Greater", [value, builder.scalar(low)]);
  const below = builder.add("Less", [value, builder.scalar(high)]);
  return asFloat(builder, builder.add("And", [above, below]));
}

/** factor·value + offset */
function affine(builder: GraphBuilder, value: string, factor: number, offset: number): string {
  const scaled = scale(builder, value, factor);
  return offset === 0 ? scaled : builder.add("Add", [scaled, builder.scalar(offset)]);
}

/** Where x > 0 the constant `right`, elsewhere `left`, as left + [x > 0]·(right − left). */
function sides(builder: GraphBuilder, x: string, right: number, left: string): string {
  const difference = builder.add("Sub", [builder.scalar(right), left]);
  return builder.add("Add", [left, multiply(builder, isPositive(builder, x), difference)]);
}

/** α·eˣ + offset on the negative side equals y + α there; Min keeps y's positive side out. */
function negativeSide(builder: GraphBuilder, y: string, offset: number): string {
  const negative = builder.add("Min", [y, builder.scalar(0)]);
  return affine(builder, negative, 1, offset);
}

function sigmoidOf(builder: GraphBuilder, x: string): string {
  return builder.add("Sigmoid", [x]);
}

/** y = x·Φ(x): Φ + x·φ; the tanh form differentiates its own approximation. */
function geluDerivative({ builder, node, x }: UnaryDerivative): string {
  const squared = multiply(builder, x, x);
  if (stringAttribute(node, "approximate", "none") !== "tanh") {
    const scaled = scale(builder, x, Math.SQRT1_2);
    const cumulative = affine(builder, builder.add("Erf", [scaled]), 0.5, 0.5);
    const density = builder.add("Exp", [scale(builder, squared, -0.5)]);
    const slope = multiply(builder, x, scale(builder, density, INVERSE_ROOT_TWO_PI));
    return builder.add("Add", [cumulative, slope]);
  }
  // u = √(2/π)·x·(1 + c·x²), y = x·(1 + tanh u)/2, so y′ = (1 + t)/2 + x·(1 − t²)·u′/2.
  const inner = affine(builder, squared, GELU_CUBIC * ROOT_TWO_OVER_PI, ROOT_TWO_OVER_PI);
  const slope = affine(builder, squared, 3 * GELU_CUBIC * ROOT_TWO_OVER_PI, ROOT_TWO_OVER_PI);
  const tanh = builder.add("Tanh", [multiply(builder, x, inner)]);
  const bend = affine(builder, multiply(builder, tanh, tanh), -0.5, 0.5);
  const rest = multiply(builder, multiply(builder, x, bend), slope);
  return builder.add("Add", [affine(builder, tanh, 0.5, 0.5), rest]);
}

/** y = x·t with t = tanh(softplus(x)): t + x·(1 − t²)·σ(x). */
function mishDerivative({ builder, x }: UnaryDerivative): string {
  const tanh = builder.add("Tanh", [builder.add("Softplus", [x])]);
  const bend = affine(builder, multiply(builder, tanh, tanh), -1, 1);
  const slope = multiply(builder, multiply(builder, x, bend), sigmoidOf(builder, x));
  return builder.add("Add", [tanh, slope]);
}

/** x·hardSigmoid(x) with slope 1/6: (x/3 + 1/2) on (−3, 3), else 0 or 1. */
function hardSwishDerivative({ builder, x }: UnaryDerivative): string {
  const inside = isBetween(builder, x, -3, 3);
  const above = asFloat(builder, builder.add("GreaterOrEqual", [x, builder.scalar(3)]));
  return builder.add("Add", [multiply(builder, inside, affine(builder, x, 1 / 3, 0.5)), above]);
}

/** y = x·σ(αx), of an operator set newer than the step's and therefore written out. */
const swishForward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs } = context;
  const alpha = floatAttribute(context.node, "alpha", 1);
  const gate = sigmoidOf(builder, scale(builder, inputs[0] ?? "", alpha));
  context.save("gate", gate);
  addNode(builder, "Mul", [inputs[0] ?? "", gate], outputs);
};

/** With s = σ(αx): s + α·y·(1 − s). */
const swishGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder } = context;
  const gate = context.saved("gate");
  const alpha = floatAttribute(context.node, "alpha", 1);
  const bend = multiply(builder, context.outputs[0] ?? "", affine(builder, gate, -alpha, alpha));
  return [multiply(builder, gradient, builder.add("Add", [gate, bend]))];
};

/** slope·x below 0, with the slope a parameter that broadcasts to x. */
const preluGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const [x = "", slope = ""] = inputs;
  const positive = isPositive(builder, x);
  const negative = affine(builder, positive, -1, 1);
  const derivative = () => builder.add("Add", [positive, multiply(builder, negative, slope)]);
  return [
    context.needs(0) ? multiply(builder, gradient, derivative()) : undefined,
    context.needs(1) ? multiply(builder, gradient, multiply(builder, negative, x)) : undefined,
  ];
};

export const activationRules: readonly OperatorRule[] = [
  unaryRule("Relu", ({ builder, y }) => isPositive(builder, y)),
  unaryRule("LeakyRelu", ({ builder, node, x }) => {
    const alpha = floatAttribute(node, "alpha", 0.01);
    return affine(builder, isPositive(builder, x), 1 - alpha, alpha);
  }),
  { opType: "PRelu", inferShapes: likeInput(), gradient: preluGradient },
  unaryRule("ThresholdedRelu", ({ builder, node, x }) => {
    const alpha = builder.scalar(floatAttribute(node, "alpha", 1));
    return asFloat(builder, builder.add("Greater", [x, alpha]));
  }),
  unaryRule("Sigmoid", ({ builder, y }) => multiply(builder, y, affine(builder, y, -1, 1))),
  unaryRule("Tanh", ({ builder, y }) => affine(builder, multiply(builder, y, y), -1, 1)),
  unaryRule("Elu", ({ builder, node, x, y }) =>
    sides(builder, x, 1, negativeSide(builder, y, floatAttribute(node, "alpha", 1))),
  ),
  unaryRule("Celu", ({ builder, node, x, y }) => {
    const alpha = floatAttribute(node, "alpha", 1);
    return sides(builder, x, 1, scale(builder, negativeSide(builder, y, alpha), 1 / alpha));
  }),
  unaryRule("Selu", ({ builder, node, x, y }) => {
    const gamma = floatAttribute(node, "gamma", SELU_GAMMA);
    const alpha = floatAttribute(node, "alpha", SELU_ALPHA);
    return sides(builder, x, gamma, negativeSide(builder, y, gamma * alpha));
  }),
  unaryRule("HardSigmoid", ({ builder, node, y }) =>
    scale(builder, isBetween(builder, y, 0, 1), floatAttribute(node, "alpha", 0.2)),
  ),
  unaryRule("HardSwish", hardSwishDerivative),
  unaryRule("Softplus", ({ builder, x }) => sigmoidOf(builder, x)),
  unaryRule("Softsign", ({ builder, x }) => {
    const base = affine(builder, builder.add("Abs", [x]), 1, 1);
    return builder.add("Reciprocal", [multiply(builder, base, base)]);
  }),
  unaryRule("Erf", ({ builder, x }) => {
    const density = builder.add("Exp", [scale(builder, multiply(builder, x, x), -1)]);
    return scale(builder, density, TWO_OVER_ROOT_PI);
  }),
  unaryRule("Gelu", geluDerivative),
  unaryRule("Mish", mishDerivative),
  {
    opType: "Swish",
    inferShapes: likeInput(),
    trainingForward: swishForward,
    gradient: swishGradient,
  },
  // x − bias above lambd, x + bias below −lambd, 0 between.
  unaryRule("Shrink", ({ builder, node, x }) => {
    const size = builder.add("Abs", [x]);
    const limit = builder.scalar(floatAttribute(node, "lambd", 0.5));
    return asFloat(builder, builder.add("Greater", [size, limit]));
  }),
  clipRule,
];
