import { DataType } from "../graph/data-type.ts";
import { asFloat, multiply } from "./emit.ts";
import type { ElementRule, GradientRule, OperatorRule, ShapeRule } from "./operator.ts";
import { broadcastShapes } from "./shape-algebra.ts";
import { broadcastRule, shapeOfFirst } from "./shape-rules.ts";

const whereShape: ShapeRule = (context) => {
  const inputs = [context.input(0), context.input(1), context.input(2)];
  const chosen = inputs[1] ?? inputs[2];
  if (chosen === undefined || inputs.some((input) => input === undefined)) return [];
  const shape = broadcastShapes(...inputs.map((input) => input?.shape ?? []));
  return [{ dataType: chosen.dataType, shape }];
};

/** Exporters guard Expand's target with Where(shape = −1, 1, shape); nothing is ever −1 there. */
const whereElements: ElementRule = (context) => {
  const [condition, chosen, other] = [
    context.elements(0),
    context.elements(1),
    context.elements(2),
  ];
  if (chosen === undefined || other === undefined || chosen.length !== other.length)
    return undefined;
  return condition?.length === chosen.length
    ? chosen.map((value, index) => (condition[index] === 0 ? (other[index] ?? value) : value))
    : undefined;
};

/** Truth of an equality as 1 or 0; a named size never equals a number below 1. */
const equalElements: ElementRule = (context) => {
  const [left, right] = [context.elements(0), context.elements(1)];
  if (left === undefined || right === undefined || left.length !== right.length) return undefined;
  const truths = left.map((value, index) => {
    const other = right[index];
    if (typeof value === "number" && typeof other === "number") return value === other ? 1 : 0;
    const number = typeof value === "number" ? value : other;
    return typeof number === "number" && number < 1 ? 0 : undefined;
  });
  return truths.every((truth) => truth !== undefined) ? truths : undefined;
};

/** Each side gets the gradient where it was chosen. */
const whereGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const [condition = ""] = inputs;
  const masked = (mask: string) => multiply(builder, gradient, asFloat(builder, mask));
  return [
    undefined,
    context.needs(1) ? masked(condition) : undefined,
    context.needs(2) ? masked(builder.add("Not", [condition])) : undefined,
  ];
};

const truthLikeFirst: ShapeRule = (context) => {
  const input = context.input(0);
  return input === undefined ? [] : [{ dataType: DataType.BOOL, shape: input.shape }];
};

export const comparisonRules: readonly OperatorRule[] = [
  { opType: "Equal", inferShapes: broadcastRule(DataType.BOOL), inferElements: equalElements },
  ...["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor"].map((opType) => ({
    opType,
    inferShapes: broadcastRule(DataType.BOOL),
  })),
  ...["BitShift", "BitwiseXor"].map((opType) => ({ opType, inferShapes: broadcastRule() })),
  { opType: "Not", inferShapes: shapeOfFirst((shape) => shape) },
  { opType: "IsNaN", inferShapes: truthLikeFirst },
  { opType: "IsInf", inferShapes: truthLikeFirst },
  {
    opType: "Where",
    inferShapes: whereShape,
    inferElements: whereElements,
    gradient: whereGradient,
  },
];
