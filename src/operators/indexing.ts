import { intAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import { elementCount } from "../graph/tensor.ts";
import { asFloat, multiply, reshape, scatterSum, sumOver } from "./emit.ts";
import { flatPositions } from "./flat-positions.ts";
import {
  type ElementRule,
  type GradientRule,
  type OperatorRule,
  type ShapeRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { positiveAxis, rangeOf } from "./shape-algebra.ts";
import { withShape } from "./shape-rules.ts";

const gatherShape: ShapeRule = (context) => {
  const [data, indices] = [context.input(0), context.input(1)];
  if (data === undefined || indices === undefined) return [];
  const axis = positiveAxis(intAttribute(context.node, "axis", 0), data.shape.length);
  const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
  return [withShape(data, shape)];
};

const gatherElements: ElementRule = (context) => {
  const [data, indices] = [context.elements(0), context.elements(1)];
  const ofTable = (context.input(0)?.shape.length ?? 1) > 1;
  if (data === undefined || indices === undefined || ofTable) return undefined;
  const taken = indices.map((index) =>
    typeof index === "number" ? data[positiveAxis(index, data.length)] : undefined,
  );
  return taken.every((value) => value !== undefined) ? taken : undefined;
};

/** Rows that were taken several times (words of a sentence) sum their gradients. */
const gatherGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const [data, indices] = [context.inputShape(0), context.inputShape(1)];
  const axis = positiveAxis(intAttribute(context.node, "axis", 0), data.length);
  const [before, size, after] = [
    elementCount(data.slice(0, axis)),
    data[axis] ?? 1,
    elementCount(data.slice(axis + 1)),
  ];
  const count = elementCount(indices);
  const column = reshape(builder, inputs[1] ?? "", [1, count, 1]);
  const positions = builder.add("Expand", [column, builder.ints([before, count, after])]);
  const updates = reshape(builder, gradient, [before, count, after]);
  const sum = scatterSum(builder, [before, size, after], 1, positions, updates);
  return [reshape(builder, sum, data)];
};

/** The elements that were taken, along the axis; some perhaps several times. */
const gatherElementsGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const data = context.inputShape(0);
  const axis = positiveAxis(intAttribute(context.node, "axis", 0), data.length);
  return [scatterSum(context.builder, data, axis, context.inputs[1] ?? "", gradient)];
};

const gatherNdGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const [data, indices] = [context.inputShape(0), context.inputShape(1)];
  const batch = intAttribute(context.node, "batch_dims", 0);
  const positions = flatPositions(builder, inputs[1] ?? "", indices, data, batch);
  const updates = reshape(builder, gradient, [elementCount(context.outputShape(0))]);
  const sum = scatterSum(builder, [elementCount(data)], 0, positions, updates);
  return [reshape(builder, sum, data)];
};

const gatherNdShape: ShapeRule = (context) => {
  const [data, indices] = [context.input(0), context.input(1)];
  const depth = indices?.shape.at(-1);
  if (data === undefined || indices === undefined || typeof depth !== "number") return [];
  const batch = intAttribute(context.node, "batch_dims", 0);
  return [withShape(data, [...indices.shape.slice(0, -1), ...data.shape.slice(batch + depth)])];
};

const likeIndices: ShapeRule = (context) => {
  const [data, indices] = [context.input(0), context.input(1)];
  return data === undefined || indices === undefined ? [] : [withShape(data, indices.shape)];
};

const oneHotShape: ShapeRule = (context) => {
  const [indices, values] = [context.input(0), context.input(2)];
  if (indices === undefined || values === undefined) return [];
  const [depth = UNKNOWN_SIZE] = context.elements(1) ?? [];
  const rank = indices.shape.length + 1;
  const axis = positiveAxis(intAttribute(context.node, "axis", -1), rank);
  const shape = [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)];
  return [withShape(values, shape)];
};

/** The two values, off and on, get the gradient of the places that hold them. */
const oneHotGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const rank = context.outputShape(0).length;
  const axis = { int: intAttribute(context.node, "axis", -1) };
  const truth = [inputs[0] ?? "", inputs[1] ?? "", builder.ints([0, 1])];
  const on = asFloat(builder, builder.add("OneHot", truth, { attributes: { axis } }));
  const off = builder.add("Sub", [builder.scalar(1), on]);
  const sums = [off, on].map((mask) =>
    reshape(builder, sumOver(builder, multiply(builder, gradient, mask), rangeOf(rank)), [1]),
  );
  return [undefined, undefined, builder.add("Concat", sums, { attributes: { axis: { int: 0 } } })];
};

const nonZeroShape: ShapeRule = (context) => {
  const rank = context.input(0)?.shape.length;
  return rank === undefined ? [] : [{ dataType: DataType.INT64, shape: [rank, UNKNOWN_SIZE] }];
};

export const indexingRules: readonly OperatorRule[] = [
  {
    opType: "Gather",
    inferShapes: gatherShape,
    inferElements: gatherElements,
    gradient: gatherGradient,
  },
  { opType: "GatherElements", inferShapes: likeIndices, gradient: gatherElementsGradient },
  { opType: "GatherND", inferShapes: gatherNdShape, gradient: gatherNdGradient },
  { opType: "OneHot", inferShapes: oneHotShape, gradient: oneHotGradient },
  { opType: "NonZero", inferShapes: nonZeroShape },
];
