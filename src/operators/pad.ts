import { floatAttribute, intsAttribute, stringAttribute } from "../graph/attributes.ts";
import { InputError } from "../graph/input-error.ts";
import { throughAxes } from "./axis-matrix.ts";
import { addNode } from "./emit.ts";
import {
  type GradientRule,
  type OperatorRule,
  type ShapeContext,
  type ShapeRule,
  type TrainingForwardRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { positiveAxis, rangeOf, staticShape, sumOfSizes } from "./shape-algebra.ts";
import { integerList, withShape } from "./shape-rules.ts";

type Lists = Pick<ShapeContext, "node" | "constant" | "elements">;

/** Pads at the beginning of each axis, then at the end: input 1, or an attribute before opset 11. */
function padsOf(context: Lists): readonly number[] | undefined {
  const stated = integerList(context, "pads", 1);
  if (stated !== undefined && stated !== "absent") return stated;
  return staticShape(context.elements(1) ?? [UNKNOWN_SIZE]);
}

const padShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const rank = input.shape.length;
  const pads = padsOf(context);
  if (pads === undefined) {
    const unknown = rangeOf(rank).map(() => UNKNOWN_SIZE);
    return [withShape(input, unknown)];
  }
  const axes = context.elements(3) ?? rangeOf(rank);
  const positions = axes.map((axis) => positiveAxis(Number(axis), rank));
  const shape = input.shape.map((size, axis) => {
    const position = positions.indexOf(axis);
    if (position < 0) return size;
    return sumOfSizes([size, pads[position] ?? 0, pads[position + positions.length] ?? 0]);
  });
  return [withShape(input, shape)];
};

const padForward: TrainingForwardRule = (context) => {
  const { builder, node, inputs, outputs } = context;
  const pads = intsAttribute(node, "pads");
  const mode = { mode: { string: stringAttribute(node, "mode", "constant") } };
  const value = floatAttribute(node, "value", 0);
  const current = [inputs[0] ?? "", builder.ints(pads ?? []), builder.scalar(value)];
  addNode(builder, "Pad", pads === undefined ? inputs : current, outputs, mode);
};

/**
 * Constant padding is taken off by padding with −p, which also puts back what negative p took off. In
 * the other modes an input stands in several places, whose gradients are summed.
 */
const padGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, node } = context;
  const mode = stringAttribute(node, "mode", "constant");
  const pads = padsOf(context);
  if (pads === undefined) {
    throw new InputError(`node ${node.name}: Pad has a gradient only for constant pads`);
  }
  const [from, to] = [context.inputShape(0), context.outputShape(0)];
  const axes = (context.elements(3) ?? rangeOf(from.length)).map((axis) =>
    positiveAxis(axis, from.length),
  );
  if (mode === "constant") {
    const negated = builder.ints(pads.map((pad) => -pad));
    return [builder.add("Pad", [gradient, negated, "", builder.ints(axes)])];
  }
  const operators = axes.flatMap((axis, position) => {
    const [begin = 0, end = 0] = [pads[position], pads[position + axes.length]];
    if (begin === 0 && end === 0) return [];
    const lists = [builder.ints([begin, end]), "", builder.ints([3])];
    const attributes = { mode: { string: mode } };
    const apply = (_builder: typeof builder, image: string) =>
      builder.add("Pad", [image, ...lists], { attributes });
    return [{ axis, apply }];
  });
  return [throughAxes(builder, gradient, operators, from, to)];
};

export const padRules: readonly OperatorRule[] = [
  { opType: "Pad", inferShapes: padShape, trainingForward: padForward, gradient: padGradient },
];
