import { intsAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import type { DataType } from "../graph/data-type.ts";
import { readNumbers } from "../graph/numbers.ts";
import type { ShapeContext, ShapeRule, ValueType } from "./operator.ts";
import { broadcastShapes } from "./shape-algebra.ts";

/** The first output is what an input is; further outputs are unknown. */
export function likeInput(index = 0): ShapeRule {
  return (context) => [context.input(index)];
}

/** Every output is what the first input is. */
export const allLikeFirstInput: ShapeRule = (context) =>
  context.node.output.map(() => context.input(0));

/** All inputs broadcast against each other; the type is the first input's, or a fixed one. */
export function broadcastRule(dataType?: DataType): ShapeRule {
  return (context) => {
    const inputs = context.node.input.map((_, index) => context.input(index));
    const first = inputs[0];
    if (first === undefined || inputs.some((input) => input === undefined)) return [];
    const shape = broadcastShapes(...inputs.map((input) => input?.shape ?? []));
    return [{ dataType: dataType ?? first.dataType, shape }];
  };
}

/** One output with the first input's type and a shape computed from the first input's. */
export function shapeOfFirst(
  shape: (input: readonly Dimension[], context: ShapeContext) => readonly Dimension[] | undefined,
): ShapeRule {
  return (context) => {
    const input = context.input(0);
    return input === undefined ? [] : [withShape(input, shape(input.shape, context))];
  };
}

export function withShape(
  type: ValueType,
  shape: readonly Dimension[] | undefined,
): ValueType | undefined {
  return shape === undefined ? undefined : { dataType: type.dataType, shape };
}

/** What a rule needs of its context to read a list that moved from attribute to input. */
interface ListContext {
  readonly node: ShapeContext["node"];
  constant(index: number): ReturnType<ShapeContext["constant"]>;
}

/**
 * A list of integers that newer operator sets take as an input and older ones as an attribute
 * (axes, split, pads): "absent" when the node gives none, undefined when it is not constant.
 */
export function integerList(
  context: ListContext,
  attribute: string,
  input: number,
): readonly number[] | "absent" | undefined {
  const values = intsAttribute(context.node, attribute);
  if (values !== undefined) return values;
  if ((context.node.input[input] ?? "") === "") return "absent";
  const tensor = context.constant(input);
  return tensor === undefined ? undefined : readNumbers(tensor);
}
