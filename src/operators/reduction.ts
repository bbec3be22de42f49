import { intAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import { elementCount } from "../graph/tensor.ts";
import { addNode, asFloat, multiply, reshape, scale, sumOver } from "./emit.ts";
import {
  type ElementRule,
  type GradientContext,
  type GradientRule,
  type OperatorRule,
  type ShapeRule,
  type TrainingForwardRule,
  UNKNOWN_SIZE,
  type ValueType,
} from "./operator.ts";
import { positiveAxis, quotientOfSizes, rangeOf } from "./shape-algebra.ts";
import { integerList, withShape } from "./shape-rules.ts";

type AxesContext = Parameters<typeof integerList>[0];

/**
 * The axes that are summed over: input 1 (ReduceSum from opset 13, the others from 18), an
 * attribute before; none given means all, unless noop_with_empty_axes.
 */
export function reducedAxes(context: AxesContext, rank: number): readonly number[] | undefined {
  const stated = integerList(context, "axes", 1);
  if (stated === undefined) return undefined;
  if (stated !== "absent" && stated.length > 0) {
    return stated.map((axis) => positiveAxis(axis, rank));
  }
  const nothing = intAttribute(context.node, "noop_with_empty_axes", 0) === 1;
  return nothing ? [] : rangeOf(rank);
}

const reduceShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const keep = intAttribute(context.node, "keepdims", 1) === 1;
  const axes = reducedAxes(context, input.shape.length);
  if (axes === undefined) {
    return [
      keep
        ? withShape(
            input,
            input.shape.map(() => UNKNOWN_SIZE),
          )
        : undefined,
    ];
  }
  return [reduced(input, axes, keep)];
};

function reduced(input: ValueType, axes: readonly number[], keep: boolean): ValueType {
  const shape = input.shape.flatMap((size, axis) => {
    if (!axes.includes(axis)) return [size];
    return keep ? [1] : [];
  });
  return { dataType: input.dataType, shape };
}

/** ReduceProd over a shape counts elements. */
const productElements: ElementRule = (context) => {
  const elements = context.elements(0);
  return elements === undefined ? undefined : [quotientOfSizes(elements, [])];
};

const reduceForward: TrainingForwardRule = (context) => {
  const { builder, node, inputs, outputs } = context;
  const axes = reducedAxes(context, context.inputShape(0).length);
  const list = axes === undefined ? (inputs[1] ?? "") : builder.ints(axes);
  addNode(builder, node.opType, [inputs[0] ?? "", list], outputs, {
    keepdims: { int: intAttribute(node, "keepdims", 1) },
    // An empty list of ours means what it says.
    noop_with_empty_axes: { int: 1 },
  });
};

/** The shape of the input with the reduced axes at 1, into which an output is put to broadcast. */
function keptShape(context: GradientContext): readonly number[] {
  const shape = context.inputShape(0);
  const axes = reducedAxes(context, shape.length) ?? [];
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}

function reducedCount(context: GradientContext): number {
  return elementCount(context.inputShape(0)) / elementCount(context.outputShape(0));
}

/** Each input has the weight 1 in a sum and 1/count in a mean. */
const sumGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, node } = context;
  const share = node.opType === "ReduceMean" ? 1 / reducedCount(context) : 1;
  const kept = reshape(builder, scale(builder, gradient, share), keptShape(context));
  return [builder.add("Expand", [kept, builder.ints(context.inputShape(0))])];
};

/** ∂Σx² = 2x and ∂√Σx² = x / √Σx². */
const squareGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, node, inputs, outputs } = context;
  const factor =
    node.opType === "ReduceSumSquare"
      ? scale(builder, gradient, 2)
      : builder.add("Div", [gradient, outputs[0] ?? ""]);
  return [multiply(builder, inputs[0] ?? "", reshape(builder, factor, keptShape(context)))];
};

/** Inputs that attain the extremum share the gradient evenly. */
const extremumGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, outputs } = context;
  const shape = keptShape(context);
  const axes = rangeOf(shape.length).filter((axis) => shape[axis] !== context.inputShape(0)[axis]);
  const extremum = reshape(builder, outputs[0] ?? "", shape);
  const attains = asFloat(builder, builder.add("Equal", [inputs[0] ?? "", extremum]));
  const count = axes.length === 0 ? attains : sumOver(builder, attains, axes, true);
  const share = builder.add("Div", [reshape(builder, gradient, shape), count]);
  return [multiply(builder, attains, share)];
};

/** ArgMax and ArgMin: one axis, positions as int64. */
const argShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const axis = positiveAxis(intAttribute(context.node, "axis", 0), input.shape.length);
  const keep = intAttribute(context.node, "keepdims", 1) === 1;
  return [reduced({ dataType: DataType.INT64, shape: input.shape }, [axis], keep)];
};

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

function reduceRule(opType: string, gradient?: GradientRule): OperatorRule {
  return {
    opType,
    inferShapes: reduceShape,
    trainingForward: reduceForward,
    ...(opType === "ReduceProd" ? { inferElements: productElements } : {}),
    ...(gradient === undefined ? {} : { gradient }),
  };
}

export const reductionRules: readonly OperatorRule[] = [
  reduceRule("ReduceSum", sumGradient),
  reduceRule("ReduceMean", sumGradient),
  reduceRule("ReduceSumSquare", squareGradient),
  reduceRule("ReduceL2", squareGradient),
  reduceRule("ReduceMax", extremumGradient),
  reduceRule("ReduceMin", extremumGradient),
  ...["ReduceProd", "ReduceL1", "ReduceLogSum", "ReduceLogSumExp"].map((opType) =>
    reduceRule(opType),
  ),
  { opType: "ArgMax", inferShapes: argShape, gradient: () => [] },
  { opType: "ArgMin", inferShapes: argShape, gradient: () => [] },
  { opType: "TopK", inferShapes: topKShape },
];
