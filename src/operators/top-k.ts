import { intAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import { addNode, zeros } from "./emit.ts";
import {
  type GradientRule,
  type OperatorRule,
  type ShapeRule,
  type TrainingForwardRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { positiveAxis } from "./shape-algebra.ts";
import { withShape } from "./shape-rules.ts";

const topKShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const axis = positiveAxis(intAttribute(context.node, "axis", -1), input.shape.length);
  const k = context.opset < 10 ? intAttribute(context.node, "k", 1) : context.elements(1)?.[0];
  const shape = input.shape.map((size, position) =>
    position === axis ? (k ?? UNKNOWN_SIZE) : size,
  );
  return [withShape(input, shape), { dataType: DataType.INT64, shape }];
};

/** k was an attribute before opset 10; the positions are kept for the gradient. */
const topKForward: TrainingForwardRule = (context) => {
  const { builder, node, inputs, outputs } = context;
  const axis = positiveAxis(intAttribute(node, "axis", -1), context.inputShape(0).length);
  const indices = outputs[1] || builder.freshName("indices");
  context.save("indices", indices);
  const values = outputs[0] || builder.freshName("values");
  const k = builder.ints([context.outputShape(outputs[0] ? 0 : 1)[axis] ?? 1]);
  addNode(builder, "TopK", [inputs[0] ?? "", k], [values, indices], {
    axis: { int: axis },
    largest: { int: intAttribute(node, "largest", 1) },
    sorted: { int: intAttribute(node, "sorted", 1) },
  });
};

/** Each value's gradient goes to where it stood; no position is taken twice. */
const topKGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder } = context;
  const shape = context.inputShape(0);
  const axis = positiveAxis(intAttribute(context.node, "axis", -1), shape.length);
  const places = [zeros(builder, shape), context.saved("indices"), gradient];
  return [builder.add("ScatterElements", places, { attributes: { axis: { int: axis } } })];
};

export const topKRules: readonly OperatorRule[] = [
  {
    opType: "TopK",
    inferShapes: topKShape,
    trainingForward: topKForward,
    gradient: topKGradient,
  },
];
