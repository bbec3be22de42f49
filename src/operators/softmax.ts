import { intAttribute, stringAttribute } from "../graph/attributes.ts";
import { elementCount } from "../graph/tensor.ts";
import { addNode, multiply, reshape, sumOver } from "./emit.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  ShapeRule,
  TrainingForwardRule,
} from "./operator.ts";
import { positiveAxis, rangeOf } from "./shape-algebra.ts";
import { likeInput } from "./shape-rules.ts";

/**
 * From opset 13 one axis (default the last); before, the input is seen as a matrix whose columns
 * are all axes from `axis` on (default 1).
 */
function normalizedAxes(
  context: Pick<GradientContext, "node" | "opset" | "inputShape">,
): readonly number[] {
  const rank = context.inputShape(0).length;
  const coerced = context.opset < 13;
  const axis = positiveAxis(intAttribute(context.node, "axis", coerced ? 1 : -1), rank);
  return coerced ? rangeOf(rank - axis, axis) : [axis];
}

const softmaxForward: TrainingForwardRule = (context) => {
  const { builder, node, inputs, outputs } = context;
  const axes = normalizedAxes(context);
  const [axis = 0] = axes;
  const shape = context.inputShape(0);
  if (axes.length === 1) {
    addNode(builder, node.opType, inputs, outputs, { axis: { int: axis } });
    return;
  }
  const rows = elementCount(shape.slice(0, axis));
  const matrix = reshape(builder, inputs[0] ?? "", [rows, elementCount(shape.slice(axis))]);
  const normalized = builder.add(node.opType, [matrix], { attributes: { axis: { int: 1 } } });
  addNode(builder, "Reshape", [normalized, builder.ints(shape)], outputs);
};

/** y·(g − Σ g·y) */
const softmaxGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, outputs } = context;
  const [y = ""] = outputs;
  const sum = sumOver(builder, multiply(builder, gradient, y), normalizedAxes(context), true);
  return [multiply(builder, y, builder.add("Sub", [gradient, sum]))];
};

/** g − exp(y)·Σ g */
const logSoftmaxGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, outputs } = context;
  const probability = builder.add("Exp", [outputs[0] ?? ""]);
  const sum = sumOver(builder, gradient, normalizedAxes(context), true);
  return [builder.add("Sub", [gradient, multiply(builder, probability, sum)])];
};

/** Outputs: the loss, one for each label without a reduction, and log softmax. */
const crossEntropyShape: ShapeRule = (context) => {
  const [scores, labels] = [context.input(0), context.input(1)];
  if (scores === undefined || labels === undefined) return [];
  const each = stringAttribute(context.node, "reduction", "mean") === "none";
  return [{ dataType: scores.dataType, shape: each ? labels.shape : [] }, scores];
};

export const softmaxRules: readonly OperatorRule[] = [
  {
    opType: "Softmax",
    inferShapes: likeInput(),
    trainingForward: softmaxForward,
    gradient: softmaxGradient,
  },
  {
    opType: "LogSoftmax",
    inferShapes: likeInput(),
    trainingForward: softmaxForward,
    gradient: logSoftmaxGradient,
  },
  { opType: "Hardmax", inferShapes: likeInput() },
  // The training step's own loss; models that compute their loss are trained on what it is taken of.
  { opType: "SoftmaxCrossEntropyLoss", inferShapes: crossEntropyShape },
];
