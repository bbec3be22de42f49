import { findAttribute, intAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import { messageTensor } from "../graph/message-tensor.ts";
import { readNumbers } from "../graph/numbers.ts";
import {
  type ElementRule,
  type OperatorRule,
  type ShapeContext,
  type ShapeRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { positiveAxis } from "./shape-algebra.ts";
import { withShape } from "./shape-rules.ts";

/** Values that depend on no input, or on shapes only: no gradient flows into them. */
const noGradient = () => [];

/** A Constant's number or list, by the attribute that holds it. */
const constantShape: ShapeRule = ({ node }) => {
  const value = findAttribute(node, "value")?.t;
  if (value !== undefined)
    return [{ dataType: value.dataType as DataType, shape: value.dims.map(Number) }];
  const kinds: Readonly<Record<string, DataType>> = {
    value_float: DataType.FLOAT,
    value_int: DataType.INT64,
    value_string: DataType.STRING,
  };
  for (const [name, dataType] of Object.entries(kinds)) {
    if (findAttribute(node, name) !== undefined) return [{ dataType, shape: [] }];
    const list = findAttribute(node, `${name}s`);
    const length = list && Math.max(list.ints.length, list.floats.length, list.strings.length);
    if (length !== undefined) return [{ dataType, shape: [length] }];
  }
  return [];
};

/** Shape's start and end cut a part out, counted from the end when negative. */
function shapeBounds(context: ShapeContext, rank: number): readonly [number, number] {
  const clamp = (axis: number) => Math.min(Math.max(positiveAxis(axis, rank), 0), rank);
  return [
    clamp(intAttribute(context.node, "start", 0)),
    clamp(intAttribute(context.node, "end", rank)),
  ];
}

const shapeShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const [start, end] = shapeBounds(context, input.shape.length);
  return [{ dataType: DataType.INT64, shape: [Math.max(end - start, 0)] }];
};

const shapeElements: ElementRule = (context) => {
  const shape = context.input(0)?.shape;
  return shape?.slice(...shapeBounds(context, shape.length));
};

const constantOfShapeShape: ShapeRule = (context) => {
  const shape = context.elements(0);
  const value = findAttribute(context.node, "value")?.t;
  const dataType = (value?.dataType ?? DataType.FLOAT) as DataType;
  const [rank] = context.input(0)?.shape ?? [];
  if (shape !== undefined) return [{ dataType, shape }];
  return typeof rank === "number"
    ? [{ dataType, shape: Array.from({ length: rank }, () => UNKNOWN_SIZE) }]
    : [];
};

const constantOfShapeElements: ElementRule = (context) => {
  const shape = context.elements(0);
  const value = findAttribute(context.node, "value")?.t;
  const [length] = shape ?? [];
  if (shape?.length !== 1 || typeof length !== "number" || value === undefined) return undefined;
  const [filler] = readNumbers(messageTensor(value));
  return filler === undefined || length > 64 ? undefined : Array.from({ length }, () => filler);
};

const rangeShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const [start, limit, delta] = [0, 1, 2].map((index) => context.elements(index)?.[0]);
  if (typeof start === "number" && typeof limit === "number" && typeof delta === "number") {
    return [withShape(input, [Math.max(Math.ceil((limit - start) / delta), 0)])];
  }
  // range(0, S, 1) has S elements.
  const named = start === 0 && delta === 1 && typeof limit === "string" ? limit : UNKNOWN_SIZE;
  return [withShape(input, [named])];
};

/** Random tensors: the type is an attribute or the input's, the shape an attribute or the input's. */
const randomShape: ShapeRule = (context) => {
  const like = context.input(0);
  const stated = findAttribute(context.node, "shape")?.ints.map(Number);
  const shape = stated ?? like?.shape;
  const dataType = intAttribute(
    context.node,
    "dtype",
    like?.dataType ?? DataType.FLOAT,
  ) as DataType;
  return shape === undefined ? [] : [{ dataType, shape }];
};

export const constantRules: readonly OperatorRule[] = [
  { opType: "Constant", inferShapes: constantShape, gradient: noGradient },
  {
    opType: "ConstantOfShape",
    inferShapes: constantOfShapeShape,
    inferElements: constantOfShapeElements,
    gradient: noGradient,
  },
  {
    opType: "Shape",
    inferShapes: shapeShape,
    inferElements: shapeElements,
    gradient: noGradient,
  },
  {
    opType: "Size",
    inferShapes: () => [{ dataType: DataType.INT64, shape: [] }],
    gradient: noGradient,
  },
  { opType: "Range", inferShapes: rangeShape, gradient: noGradient },
  ...[
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Bernoulli",
    "EyeLike",
  ].map((opType) => ({ opType, inferShapes: randomShape, gradient: noGradient })),
];
