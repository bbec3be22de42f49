import { intAttribute, stringAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import { addNode, asFloat, copyNode, multiply, reshape, scatterSum, zeros } from "./emit.ts";
import { flatPositions } from "./flat-positions.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  TrainingForwardRule,
} from "./operator.ts";
import { positiveAxis } from "./shape-algebra.ts";
import { likeInput } from "./shape-rules.ts";

/** One scatter of elements along an axis, as the gradient sees it; all by name. */
interface Scatter {
  readonly builder: GraphBuilder;
  readonly node: string;
  readonly data: string;
  readonly updates: string;
  readonly result: string;
  readonly positions: string;
  readonly axis: number;
  readonly reduction: string;
  readonly dataShape: readonly number[];
  readonly updatesShape: readonly number[];
}

type Gradients = { data(): string; updates(): string };

/**
 * Written elements keep nothing of the data ("none"), or both enter a sum ("add"), or whoever attains
 * the extremum shares the gradient evenly ("max", "min").
 */
function scatterGradients(scatter: Scatter, gradient: string): Gradients {
  const { builder, reduction, positions, updates, data, result } = scatter;
  const axis = { attributes: { axis: { int: scatter.axis } } };
  const taken = (value: string) => builder.add("GatherElements", [value, positions], axis);
  if (reduction === "add") return { data: () => gradient, updates: () => taken(gradient) };
  if (reduction === "none") {
    const none = () => zeros(builder, scatter.updatesShape);
    return {
      data: () => builder.add("ScatterElements", [gradient, positions, none()], axis),
      updates: () => taken(gradient),
    };
  }
  if (reduction !== "max" && reduction !== "min") {
    throw new InputError(
      `node ${scatter.node}: a scatter with reduction "${reduction}" has no gradient; "none", "add", "max" and "min" have one`,
    );
  }
  const equals = (left: string, right: string) =>
    asFloat(builder, builder.add("Equal", [left, right]));
  const dataAttains = equals(data, result);
  const updatesAttain = equals(updates, taken(result));
  const among = scatterSum(builder, scatter.dataShape, scatter.axis, positions, updatesAttain);
  // Where nobody attains it, the mask is 0 and the divisor must not be.
  const count = builder.add("Max", [builder.add("Add", [dataAttains, among]), builder.scalar(1)]);
  const share = builder.add("Div", [gradient, count]);
  return {
    data: () => multiply(builder, share, dataAttains),
    updates: () => multiply(builder, taken(share), updatesAttain),
  };
}

function reductionOf(context: Pick<GradientContext, "node">): string {
  return stringAttribute(context.node, "reduction", "none");
}

/** The older name of ScatterElements is gone since opset 11. */
const scatterElementsForward: TrainingForwardRule = (context) => {
  const axis = positiveAxis(intAttribute(context.node, "axis", 0), context.inputShape(0).length);
  addNode(context.builder, "ScatterElements", context.inputs, context.outputs, {
    axis: { int: axis },
    reduction: { string: reductionOf(context) },
  });
};

const scatterElementsGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const [data = "", positions = "", updates = ""] = context.inputs;
  const dataShape = context.inputShape(0);
  const gradients = scatterGradients(
    {
      builder: context.builder,
      node: context.node.name,
      data,
      positions,
      updates,
      result: context.outputs[0] ?? "",
      axis: positiveAxis(intAttribute(context.node, "axis", 0), dataShape.length),
      reduction: reductionOf(context),
      dataShape,
      updatesShape: context.inputShape(2),
    },
    gradient,
  );
  return [
    context.needs(0) ? gradients.data() : undefined,
    undefined,
    context.needs(2) ? gradients.updates() : undefined,
  ];
};

function scatterPositions(context: Pick<GradientContext, "builder" | "inputs" | "inputShape">) {
  const { builder, inputs } = context;
  return flatPositions(builder, inputs[1] ?? "", context.inputShape(1), context.inputShape(0));
}

/** ScatterND that combines runs as ScatterElements on the flattened data, which does not race. */
const scatterNdForward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs } = context;
  const reduction = reductionOf(context);
  if (reduction === "none") {
    copyNode(builder, context.node, inputs, outputs);
    return;
  }
  const flat = (index: number) =>
    reshape(builder, inputs[index] ?? "", [elementCount(context.inputShape(index))]);
  const result = builder.add("ScatterElements", [flat(0), scatterPositions(context), flat(2)], {
    attributes: { axis: { int: 0 }, reduction: { string: reduction } },
  });
  const shape = builder.ints(context.inputShape(0));
  addNode(builder, "Reshape", [result, shape], outputs);
};

const scatterNdGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const dataShape = [elementCount(context.inputShape(0))];
  const updatesShape = [elementCount(context.inputShape(2))];
  const gradients = scatterGradients(
    {
      builder,
      node: context.node.name,
      data: reshape(builder, inputs[0] ?? "", dataShape),
      updates: reshape(builder, inputs[2] ?? "", updatesShape),
      result: reshape(builder, context.outputs[0] ?? "", dataShape),
      positions: scatterPositions(context),
      axis: 0,
      reduction: reductionOf(context),
      dataShape,
      updatesShape,
    },
    reshape(builder, gradient, dataShape),
  );
  return [
    context.needs(0) ? reshape(builder, gradients.data(), context.inputShape(0)) : undefined,
    undefined,
    context.needs(2) ? reshape(builder, gradients.updates(), context.inputShape(2)) : undefined,
  ];
};

export const scatterRules: readonly OperatorRule[] = [
  ...["Scatter", "ScatterElements"].map((opType) => ({
    opType,
    inferShapes: likeInput(),
    trainingForward: scatterElementsForward,
    gradient: scatterElementsGradient,
  })),
  {
    opType: "ScatterND",
    inferShapes: likeInput(),
    trainingForward: scatterNdForward,
    gradient: scatterNdGradient,
  },
];
