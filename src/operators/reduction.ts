import { intAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import { addNode } from "./emit.ts";
import {
  type ElementRule,
  type GradientRule,
  type OperatorRule,
  type ShapeRule,
  type TrainingForwardRule,
  UNKNOWN_SIZE,
  type ValueType,
} from "./operator.ts";
import { reducedAxes } from "./reduced-axes.ts";
import { REDUCTION_GRADIENTS } from "./reduction-gradients.ts";
import { positiveAxis, quotientOfSizes } from "./shape-algebra.ts";
import { withShape } from "./shape-rules.ts";

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
  const ofTable = (context.input(0)?.shape.length ?? 1) > 1;
  return elements === undefined || ofTable ? undefined : [quotientOfSizes(elements, [])];
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

/** ArgMax and ArgMin: one axis, positions as int64. */
const argShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const axis = positiveAxis(intAttribute(context.node, "axis", 0), input.shape.length);
  const keep = intAttribute(context.node, "keepdims", 1) === 1;
  return [reduced({ dataType: DataType.INT64, shape: input.shape }, [axis], keep)];
};

function reduceRule([opType, gradient]: readonly [string, GradientRule]): OperatorRule {
  return {
    opType,
    inferShapes: reduceShape,
    trainingForward: reduceForward,
    ...(opType === "ReduceProd" ? { inferElements: productElements } : {}),
    gradient,
  };
}

export const reductionRules: readonly OperatorRule[] = [
  ...Object.entries(REDUCTION_GRADIENTS).map(reduceRule),
  { opType: "ArgMax", inferShapes: argShape, gradient: () => [] },
  { opType: "ArgMin", inferShapes: argShape, gradient: () => [] },
];
