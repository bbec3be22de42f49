import { intAttribute, intsAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { elementCount } from "../graph/tensor.ts";
import { addNode, reshape } from "./emit.ts";
import {
  type ElementRule,
  type GradientRule,
  type OperatorRule,
  type ShapeContext,
  type ShapeRule,
  type TrainingForwardRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { broadcastShapes, positiveAxis, productOfSizes, quotientOfSizes } from "./shape-algebra.ts";
import { integerList, likeInput, shapeOfFirst, withShape } from "./shape-rules.ts";

/** Same elements in the same order, so the gradient takes the input's shape back. */
const reshapeGradient: GradientRule = (context, [gradient]) =>
  gradient === undefined ? [] : [reshape(context.builder, gradient, context.inputShape(0))];

const passGradient: GradientRule = (_context, [gradient]) => [gradient];

const sameElements: ElementRule = (context) => context.elements(0);

const flattenShape = shapeOfFirst((shape, context) => {
  const axis = positiveAxis(intAttribute(context.node, "axis", 1), shape.length);
  return [productOfSizes(shape.slice(0, axis)), productOfSizes(shape.slice(axis))];
});

/** 0 keeps the input's size (unless allowzero), −1 is whatever is left. */
const reshapeShape: ShapeRule = (context) => {
  const input = context.input(0);
  const target = intsAttribute(context.node, "shape") ?? context.elements(1);
  if (target === undefined) return [rankOnly(context)];
  if (input === undefined) return [];
  const keepsZero = intAttribute(context.node, "allowzero", 0) === 1;
  const sizes = target.map((size, axis) =>
    size === 0 && !keepsZero ? (input.shape[axis] ?? UNKNOWN_SIZE) : size,
  );
  const stated = sizes.filter((size) => size !== -1);
  return [
    withShape(
      input,
      sizes.map((size) => (size === -1 ? quotientOfSizes(input.shape, stated) : size)),
    ),
  ];
};

/** A target that is computed has at least a length, which is the rank of the result. */
function rankOnly(context: ShapeContext) {
  const [length] = context.input(1)?.shape ?? [];
  const input = context.input(0);
  if (input === undefined || typeof length !== "number") return undefined;
  return withShape(
    input,
    Array.from({ length }, () => UNKNOWN_SIZE),
  );
}

const squeezeShape: ShapeRule = (context) => {
  const input = context.input(0);
  const axes = integerList(context, "axes", 1);
  if (input === undefined || axes === undefined) return [];
  const rank = input.shape.length;
  const dropped =
    axes === "absent"
      ? input.shape.flatMap((size, axis) => (size === 1 ? [axis] : []))
      : axes.map((axis) => positiveAxis(axis, rank));
  return [
    withShape(
      input,
      input.shape.filter((_, axis) => !dropped.includes(axis)),
    ),
  ];
};

const unsqueezeShape: ShapeRule = (context) => {
  const input = context.input(0);
  const axes = integerList(context, "axes", 1);
  if (input === undefined || axes === undefined || axes === "absent") return [];
  const rank = input.shape.length + axes.length;
  const added = new Set(axes.map((axis) => positiveAxis(axis, rank)));
  const rest = [...input.shape];
  const shape = Array.from({ length: rank }, (_, axis) =>
    added.has(axis) ? 1 : (rest.shift() ?? UNKNOWN_SIZE),
  );
  return [withShape(input, shape)];
};

/** Before opset 13 the axes were an attribute. */
const axesForward: TrainingForwardRule = (context) => {
  const axes = integerList(context, "axes", 1);
  const list =
    axes === undefined
      ? [context.inputs[1] ?? ""]
      : axes === "absent"
        ? []
        : [context.builder.ints(axes)];
  addNode(
    context.builder,
    context.node.opType,
    [context.inputs[0] ?? "", ...list],
    context.outputs,
  );
};

const expandShape: ShapeRule = (context) => {
  const input = context.input(0);
  const target = context.elements(1);
  if (input === undefined) return [];
  return [
    target === undefined
      ? rankOnly(context)
      : withShape(input, broadcastShapes(input.shape, target)),
  ];
};

const castShape: ShapeRule = (context) => {
  const input = context.input(0);
  const dataType = intAttribute(context.node, "to", DataType.UNDEFINED) as DataType;
  return input === undefined ? [] : [{ dataType, shape: input.shape }];
};

const castLikeShape: ShapeRule = (context) => {
  const [input, like] = [context.input(0), context.input(1)];
  return input === undefined || like === undefined ? [] : [withShape(like, input.shape)];
};

const tileShape = shapeOfFirst((shape, context) => {
  const repeats = context.elements(1);
  return shape.map(
    (size, axis): Dimension => quotientOfSizes([size, repeats?.[axis] ?? UNKNOWN_SIZE], []),
  );
});

/**
 * Repeats along an axis: with each size n repeated r times seen as (r, n), the gradient sums over
 * the r's.
 */
const tileGradient: GradientRule = (context, [gradient]) => {
  const repeats = context.elements(1);
  if (gradient === undefined || repeats === undefined) return [];
  const { builder } = context;
  const shape = context.inputShape(0);
  const split = shape.flatMap((size, axis) => [repeats[axis] ?? 1, size]);
  const copies = builder.ints(shape.map((_, axis) => 2 * axis));
  const sum = builder.add("ReduceSum", [reshape(builder, gradient, split), copies], {
    attributes: { keepdims: { int: 0 } },
  });
  return [elementCount(shape) === 0 ? undefined : sum];
};

export const reshapingRules: readonly OperatorRule[] = [
  {
    opType: "Identity",
    inferShapes: likeInput(),
    inferElements: sameElements,
    gradient: passGradient,
  },
  { opType: "Flatten", inferShapes: flattenShape, gradient: reshapeGradient },
  {
    opType: "Reshape",
    inferShapes: reshapeShape,
    inferElements: sameElements,
    gradient: reshapeGradient,
  },
  {
    opType: "Squeeze",
    inferShapes: squeezeShape,
    inferElements: sameElements,
    trainingForward: axesForward,
    gradient: reshapeGradient,
  },
  {
    opType: "Unsqueeze",
    inferShapes: unsqueezeShape,
    inferElements: sameElements,
    trainingForward: axesForward,
    gradient: reshapeGradient,
  },
  // The gradient keeps the expanded shape; autodiff sums it back.
  { opType: "Expand", inferShapes: expandShape, gradient: passGradient },
  { opType: "Tile", inferShapes: tileShape, gradient: tileGradient },
  // Training is float32 throughout, so a cast between floating-point types changes nothing.
  { opType: "Cast", inferShapes: castShape, inferElements: sameElements, gradient: passGradient },
  {
    opType: "CastLike",
    inferShapes: castLikeShape,
    inferElements: sameElements,
    gradient: passGradient,
  },
];
