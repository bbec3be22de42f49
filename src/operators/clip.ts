import { findAttribute } from "../graph/attributes.ts";
import { addNode, asFloat, multiply } from "./emit.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  TrainingForwardRule,
} from "./operator.ts";
import { likeInput } from "./shape-rules.ts";

type Bounds = Pick<GradientContext, "builder" | "node" | "inputs">;

/** The lower or upper bound: an input from opset 11, an attribute before; undefined for none. */
function bound(context: Bounds, name: "min" | "max"): string | undefined {
  const input = context.inputs[name === "min" ? 1 : 2] ?? "";
  if (input !== "") return input;
  const attribute = findAttribute(context.node, name);
  return attribute === undefined ? undefined : context.builder.scalar(attribute.f);
}

const clipForward: TrainingForwardRule = (context) => {
  const inputs = [
    context.inputs[0] ?? "",
    bound(context, "min") ?? "",
    bound(context, "max") ?? "",
  ];
  addNode(context.builder, "Clip", inputs, context.outputs);
};

/** The gradient passes within the bounds, the bounds themselves included (as in PyTorch). */
const clipGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const [x = ""] = inputs;
  const [low, high] = [bound(context, "min"), bound(context, "max")];
  const masks = [
    ...(low === undefined ? [] : [builder.add("GreaterOrEqual", [x, low])]),
    ...(high === undefined ? [] : [builder.add("LessOrEqual", [x, high])]),
  ];
  const passes = (total: string, mask: string) => multiply(builder, total, asFloat(builder, mask));
  return [masks.reduce(passes, gradient)];
};

export const clipRule: OperatorRule = {
  opType: "Clip",
  inferShapes: likeInput(),
  trainingForward: clipForward,
  gradient: clipGradient,
};
