import { intAttribute } from "../graph/attributes.ts";
import type { Dimension, GraphBuilder } from "../graph/builder.ts";
import { readNumbers } from "../graph/numbers.ts";
import { asFloat, multiply, negate, scale } from "./emit.ts";
import {
  type ElementRule,
  type GradientContext,
  type GradientRule,
  type OperatorRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { quotientOfSizes, sumOfSizes } from "./shape-algebra.ts";
import { broadcastRule } from "./shape-rules.ts";
import { flatRule, unaryRule } from "./unary.ts";

/** Gradients of a broadcasting function of two inputs, in the shape of the output. */
interface BinaryGradient {
  readonly builder: GraphBuilder;
  readonly a: string;
  readonly b: string;
  readonly y: string;
  readonly gradient: string;
}

function binaryRule(
  opType: string,
  ofA: (values: BinaryGradient) => string,
  ofB: (values: BinaryGradient) => string,
  elements: (a: Dimension, b: Dimension) => Dimension,
): OperatorRule {
  return {
    opType,
    inferShapes: broadcastRule(),
    inferElements: elementwise(elements),
    gradient: (context, [gradient]) => {
      if (gradient === undefined) return [];
      const [a = "", b = ""] = context.inputs;
      const values = { builder: context.builder, a, b, y: context.outputs[0] ?? "", gradient };
      return [
        context.needs(0) ? ofA(values) : undefined,
        context.needs(1) ? ofB(values) : undefined,
      ];
    },
  };
}

/**
 * Applies a function to the elements of two computed shapes, where one of them may be a scalar; tables
 * that broadcast otherwise are left unknown.
 */
function elementwise(apply: (a: Dimension, b: Dimension) => Dimension): ElementRule {
  return (context) => {
    const [left, right] = [context.elements(0), context.elements(1)];
    if (left === undefined || right === undefined) return undefined;
    const [shape, other] = [context.input(0)?.shape ?? [], context.input(1)?.shape ?? []];
    const tables = shape.length > 1 || other.length > 1;
    const single = left.length === 1 || right.length === 1;
    if (tables && !single && shape.join() !== other.join()) return undefined;
    const length = Math.max(left.length, right.length);
    const at = (list: readonly Dimension[], index: number) =>
      (list.length === 1 ? list[0] : list[index]) ?? UNKNOWN_SIZE;
    return Array.from({ length }, (_, index) => apply(at(left, index), at(right, index)));
  };
}

/** Of whole numbers: the sign of the divisor, or with fmod = 1 that of the dividend. */
const moduloElements: ElementRule = (context) => {
  const fmod = intAttribute(context.node, "fmod", 0) === 1;
  const modulo = (a: number, b: number) => (fmod ? a % b : a - b * Math.floor(a / b));
  return elementwise(onNumbers(modulo))(context);
};

const onNumbers =
  (apply: (a: number, b: number) => number) =>
  (a: Dimension, b: Dimension): Dimension =>
    typeof a === "number" && typeof b === "number" ? apply(a, b) : UNKNOWN_SIZE;

/** A number that is the same for every element, for example the 2 of x². */
function scalarConstant(context: GradientContext, index: number): number | undefined {
  const tensor = context.constant(index);
  if (tensor === undefined) return undefined;
  const [value, ...others] = readNumbers(tensor);
  return others.every((other) => other === value) ? value : undefined;
}

/** ∂xᵖ/∂x = p·xᵖ⁻¹, ∂xᵖ/∂p = y·ln x. */
const powGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, outputs } = context;
  const [base = "", exponent = ""] = inputs;
  const power = scalarConstant(context, 1);
  const slope = () => {
    if (power === 2) return scale(builder, base, 2);
    const less = builder.add("Sub", [exponent, builder.scalar(1)]);
    return multiply(builder, exponent, builder.add("Pow", [base, less]));
  };
  const logarithm = () => multiply(builder, outputs[0] ?? "", builder.add("Log", [base]));
  return [
    context.needs(0) ? multiply(builder, gradient, slope()) : undefined,
    context.needs(1) ? multiply(builder, gradient, logarithm()) : undefined,
  ];
};

/** y = a − q·b with a whole q = (a − y)/b, which is constant between its jumps. */
const moduloGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, outputs } = context;
  const [a = "", b = ""] = inputs;
  const negativeQuotient = () => builder.add("Div", [builder.add("Sub", [outputs[0] ?? "", a]), b]);
  return [
    context.needs(0) ? gradient : undefined,
    context.needs(1) ? multiply(builder, gradient, negativeQuotient()) : undefined,
  ];
};

/** Min and Max of any number of inputs: the ones that attain it share the gradient evenly. */
const extremumGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, outputs } = context;
  const attains = inputs.map((input) =>
    asFloat(builder, builder.add("Equal", [input, outputs[0] ?? ""])),
  );
  const count = builder.add("Sum", attains);
  const share = builder.add("Div", [gradient, count]);
  return attains.map((mask, index) =>
    context.needs(index) ? multiply(builder, share, mask) : undefined,
  );
};

/** Sum and Mean of any number of inputs. */
const sumGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const count = context.node.opType === "Mean" ? context.inputs.length : 1;
  const share = scale(context.builder, gradient, 1 / count);
  return context.inputs.map((_, index) => (context.needs(index) ? share : undefined));
};

export const arithmeticRules: readonly OperatorRule[] = [
  binaryRule(
    "Add",
    ({ gradient }) => gradient,
    ({ gradient }) => gradient,
    (a, b) => sumOfSizes([a, b]),
  ),
  binaryRule(
    "Sub",
    ({ gradient }) => gradient,
    ({ builder, gradient }) => negate(builder, gradient),
    onNumbers((a, b) => a - b),
  ),
  binaryRule(
    "Mul",
    ({ builder, gradient, b }) => multiply(builder, gradient, b),
    ({ builder, gradient, a }) => multiply(builder, gradient, a),
    (a, b) => quotientOfSizes([a, b], []),
  ),
  binaryRule(
    "Div",
    ({ builder, gradient, b }) => builder.add("Div", [gradient, b]),
    ({ builder, gradient, b, y }) =>
      negate(builder, builder.add("Div", [multiply(builder, gradient, y), b])),
    (a, b) =>
      typeof a === "number" && typeof b === "number"
        ? Math.trunc(a / b)
        : quotientOfSizes([a], [b]),
  ),
  { opType: "Pow", inferShapes: broadcastRule(), gradient: powGradient },
  {
    opType: "Max",
    inferShapes: broadcastRule(),
    inferElements: elementwise(onNumbers(Math.max)),
    gradient: extremumGradient,
  },
  {
    opType: "Min",
    inferShapes: broadcastRule(),
    inferElements: elementwise(onNumbers(Math.min)),
    gradient: extremumGradient,
  },
  { opType: "Sum", inferShapes: broadcastRule(), gradient: sumGradient },
  { opType: "Mean", inferShapes: broadcastRule(), gradient: sumGradient },
  {
    opType: "Mod",
    inferShapes: broadcastRule(),
    inferElements: moduloElements,
    gradient: moduloGradient,
  },
  ...["BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"].map((opType) => ({
    opType,
    inferShapes: broadcastRule(),
  })),
  unaryRule("Neg", ({ builder }) => builder.scalar(-1)),
  unaryRule("Abs", ({ builder, x }) => builder.add("Sign", [x])),
  unaryRule("Exp", ({ y }) => y),
  unaryRule("Log", ({ builder, x }) => builder.add("Reciprocal", [x])),
  unaryRule("Sqrt", ({ builder, y }) => builder.add("Div", [builder.scalar(0.5), y])),
  unaryRule("Reciprocal", ({ builder, y }) => negate(builder, multiply(builder, y, y))),
  unaryRule("BitwiseNot"),
  ...["Floor", "Ceil", "Round", "Sign"].map(flatRule),
];
