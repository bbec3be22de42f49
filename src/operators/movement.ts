import { intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import { elementCount } from "../graph/tensor.ts";
import { addNode, reshape, slice, transpose, zeros } from "./emit.ts";
import {
  type ElementRule,
  type GradientRule,
  type OperatorRule,
  type ShapeRule,
  type TrainingForwardRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import {
  coordinatesOf,
  positiveAxis,
  quotientOfSizes,
  rangeOf,
  rowMajor,
  staticShape,
  sumOfSizes,
} from "./shape-algebra.ts";
import { integerList, shapeOfFirst, withShape } from "./shape-rules.ts";

function permutation(node: Parameters<typeof intsAttribute>[0], rank: number): readonly number[] {
  return intsAttribute(node, "perm") ?? rangeOf(rank).reverse();
}

const transposeShape = shapeOfFirst((shape, context) =>
  permutation(context.node, shape.length).map((axis) => shape[axis] ?? UNKNOWN_SIZE),
);

const transposeElements: ElementRule = (context) => {
  const values = context.elements(0);
  const shape = staticShape(context.input(0)?.shape ?? [UNKNOWN_SIZE]);
  if (values === undefined || shape === undefined || elementCount(shape) !== values.length)
    return undefined;
  const perm = permutation(context.node, shape.length);
  return coordinatesOf(perm.map((axis) => shape[axis] ?? 1)).map((position) => {
    const source = shape.map((_, axis) => position[perm.indexOf(axis)] ?? 0);
    return values[rowMajor(source, shape)] ?? UNKNOWN_SIZE;
  });
};

/** The inverse permutation: what went from axis p[i] to i goes from i to p[i]. */
const transposeGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const perm = permutation(context.node, context.inputShape(0).length);
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  return [transpose(context.builder, gradient, inverse)];
};

const concatShape: ShapeRule = (context) => {
  const inputs = context.node.input.map((_, index) => context.input(index));
  const first = inputs[0];
  if (first === undefined || inputs.some((input) => input === undefined)) return [];
  const axis = positiveAxis(intAttribute(context.node, "axis", 1), first.shape.length);
  const parts = inputs.map((input) => input?.shape[axis] ?? UNKNOWN_SIZE);
  const shape = first.shape.map((size, position) => (position === axis ? sumOfSizes(parts) : size));
  return [withShape(first, shape)];
};

const concatElements: ElementRule = (context) => {
  const parts = context.node.input.map((_, index) => context.elements(index));
  const known = parts.flatMap((part) => part ?? []);
  // Beside the first axis the rows of a table would have to be taken in turn.
  const rank = context.input(0)?.shape.length ?? 1;
  const inOrder = rank <= 1 || positiveAxis(intAttribute(context.node, "axis", 1), rank) === 0;
  return parts.includes(undefined) || !inOrder ? undefined : known;
};

/** Each input gets its own part back. */
const concatGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const axis = positiveAxis(intAttribute(context.node, "axis", 1), context.outputShape(0).length);
  let end = 0;
  return context.inputs.map((_, index) => {
    const start = end;
    end += context.inputShape(index)[axis] ?? 0;
    return context.needs(index)
      ? slice(context.builder, gradient, [{ axis, start, end }])
      : undefined;
  });
};

const splitShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const axis = positiveAxis(intAttribute(context.node, "axis", 0), input.shape.length);
  const stated = integerList(context, "split", 1);
  const count = context.node.output.length;
  const total = input.shape[axis];
  const equal = (index: number): Dimension => {
    if (typeof total !== "number") return UNKNOWN_SIZE;
    const chunk = Math.ceil(total / count);
    return index < count - 1 ? chunk : total - chunk * (count - 1);
  };
  return context.node.output.map((_, index) => {
    const size = stated === "absent" ? equal(index) : (stated?.[index] ?? UNKNOWN_SIZE);
    return withShape(
      input,
      input.shape.map((old, position) => (position === axis ? size : old)),
    );
  });
};

/** The sizes are stated, since which of attribute, input and count is allowed changed twice. */
const splitForward: TrainingForwardRule = (context) => {
  const axis = positiveAxis(intAttribute(context.node, "axis", 0), context.inputShape(0).length);
  const sizes = context.outputs.map((_, index) => context.outputShape(index)[axis] ?? 0);
  const inputs = [context.inputs[0] ?? "", context.builder.ints(sizes)];
  addNode(context.builder, "Split", inputs, context.outputs, { axis: { int: axis } });
};

const splitGradient: GradientRule = (context, gradients) => {
  const { builder } = context;
  const axis = positiveAxis(intAttribute(context.node, "axis", 0), context.inputShape(0).length);
  const parts = context.outputs.map(
    (_, index) => gradients[index] ?? zeros(builder, context.outputShape(index)),
  );
  return [builder.add("Concat", parts, { attributes: { axis: { int: axis } } })];
};

const depthToSpaceShape = shapeOfFirst((shape, context) => {
  const block = intAttribute(context.node, "blocksize", 1);
  const [batch, channels, ...sizes] = shape;
  if (batch === undefined || channels === undefined) return undefined;
  return [
    batch,
    quotientOfSizes([channels], [block * block]),
    ...sizes.map((size) => quotientOfSizes([size, block], [])),
  ];
});

const spaceToDepthShape = shapeOfFirst((shape, context) => {
  const block = intAttribute(context.node, "blocksize", 1);
  const [batch, channels, ...sizes] = shape;
  if (batch === undefined || channels === undefined) return undefined;
  return [
    batch,
    quotientOfSizes([channels, block * block], []),
    ...sizes.map((size) => quotientOfSizes([size], [block])),
  ];
});

/** (N, b, b, C, H, W) → (N, C, H, b, W, b) for DCR and (N, C, b, b, H, W) for CRD; here backwards. */
const depthToSpaceGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, node } = context;
  const block = intAttribute(node, "blocksize", 1);
  const [batch = 1, channels = 1, height = 1, width = 1] = context.inputShape(0);
  const columnRow = stringAttribute(node, "mode", "DCR") === "CRD";
  const split = [batch, channels / block ** 2, height, block, width, block];
  const perm = columnRow ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
  const moved = transpose(builder, reshape(builder, gradient, split), perm);
  return [reshape(builder, moved, context.inputShape(0))];
};

const spaceToDepthGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const blocksize = { int: intAttribute(context.node, "blocksize", 1) };
  return [context.builder.add("DepthToSpace", [gradient], { attributes: { blocksize } })];
};

export const movementRules: readonly OperatorRule[] = [
  {
    opType: "Transpose",
    inferShapes: transposeShape,
    inferElements: transposeElements,
    gradient: transposeGradient,
  },
  {
    opType: "Concat",
    inferShapes: concatShape,
    inferElements: concatElements,
    gradient: concatGradient,
  },
  {
    opType: "Split",
    inferShapes: splitShape,
    trainingForward: splitForward,
    gradient: splitGradient,
  },
  { opType: "DepthToSpace", inferShapes: depthToSpaceShape, gradient: depthToSpaceGradient },
  { opType: "SpaceToDepth", inferShapes: spaceToDepthShape, gradient: spaceToDepthGradient },
];
