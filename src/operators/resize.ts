import { findAttribute, makeAttribute, stringAttribute } from "../graph/attributes.ts";
import type { Dimension, GraphBuilder } from "../graph/builder.ts";
import { changeNode } from "../graph/edit.ts";
import type { Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { readNumbers } from "../graph/numbers.ts";
import { elementCount, float32Tensor, type Tensor } from "../graph/tensor.ts";
import { type AxisOperator, throughAxes } from "./axis-matrix.ts";
import { copyNode, scale } from "./emit.ts";
import {
  type GradientContext,
  type GradientRule,
  type OperatorRule,
  type TrainingForwardRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { positiveAxis, rangeOf } from "./shape-algebra.ts";
import { shapeOfFirst } from "./shape-rules.ts";

/** What tells how a Resize or Upsample changes the sizes. */
interface ResizeContext {
  readonly node: Node;
  readonly opset: number;
  constant(index: number): Tensor | undefined;
}

/** Upsample and Resize-10 know only scales, as input 1, and Upsample-7 as an attribute. */
function isEarly({ node, opset }: ResizeContext): boolean {
  return node.opType === "Upsample" || opset < 11;
}

/** The scales of the axes that the node names, or of all: input 2 from opset 11. */
function scalesOf(context: ResizeContext): readonly number[] | undefined {
  const attribute = findAttribute(context.node, "scales");
  if (attribute !== undefined) return attribute.floats;
  const tensor = context.constant(isEarly(context) ? 1 : 2);
  const scales = tensor === undefined ? [] : readNumbers(tensor);
  return scales.length === 0 ? undefined : scales;
}

const resizeShape = shapeOfFirst((shape, context): readonly Dimension[] => {
  const axes = resizedAxes(context.node, shape.length);
  const scales = scalesOf(context);
  const sizes = context.elements(3);
  return shape.map((size, axis) => {
    const position = axes.indexOf(axis);
    if (position < 0) return size;
    const stated = scales === undefined ? sizes?.[position] : undefined;
    if (stated !== undefined) return stated;
    const factor = scales?.[position];
    if (factor === 1) return size;
    return typeof size === "number" && factor !== undefined
      ? Math.floor(size * factor)
      : UNKNOWN_SIZE;
  });
});

/** The axes that scales, sizes and regions speak of, in their order. */
function resizedAxes(node: Node, rank: number): readonly number[] {
  const axes = findAttribute(node, "axes")?.ints.map((axis) => positiveAxis(Number(axis), rank));
  return axes === undefined || axes.length === 0 ? rangeOf(rank) : axes;
}

/**
 * The attributes in the step's form. Before opset 11 position o came from o/scale, and "nearest" was
 * the one below when enlarging and the one above when reducing.
 */
function currentAttributes(context: ResizeContext): Node["attribute"] {
  const { node } = context;
  if (!isEarly(context)) return node.attribute;
  const scales = scalesOf(context) ?? [];
  const enlarges = scales.every((factor) => factor >= 1);
  const linear = stringAttribute(node, "mode", "nearest") !== "nearest";
  return [
    makeAttribute("mode", { string: linear ? "linear" : "nearest" }),
    makeAttribute("coordinate_transformation_mode", { string: "asymmetric" }),
    makeAttribute("nearest_mode", { string: enlarges ? "floor" : "ceil" }),
  ];
}

const resizeForward: TrainingForwardRule = (context) => {
  const { builder, node, inputs, outputs } = context;
  if (!isEarly(context)) {
    copyNode(builder, node, inputs, outputs);
    return;
  }
  const scales = requireScales(context);
  const mixed = scales.some((factor) => factor > 1) && scales.some((factor) => factor < 1);
  if (mixed && stringAttribute(node, "mode", "nearest") === "nearest") {
    throw new InputError(
      `node ${node.name}: ${node.opType} that enlarges some axes and reduces others cannot be trained through in opset ${context.opset}`,
    );
  }
  const current = changeNode(node, { opType: "Resize", attribute: currentAttributes(context) });
  copyNode(builder, current, [inputs[0] ?? "", "", floats(builder, scales)], outputs);
};

function requireScales(context: ResizeContext): readonly number[] {
  const scales = scalesOf(context);
  if (scales === undefined) {
    throw new InputError(
      `node ${context.node.name}: ${context.node.opType} has a gradient only for constant scales`,
    );
  }
  return scales;
}

function floats(builder: GraphBuilder, values: readonly number[]): string {
  return builder.shared(`floats:${values}`, (name) => float32Tensor(name, [values.length], values));
}

/** Whole enlargements of the nearest neighbour sum each block; all else goes axis by axis. */
const resizeGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, node } = context;
  if (stringAttribute(node, "keep_aspect_ratio_policy", "stretch") !== "stretch") {
    throw new InputError(
      `node ${node.name}: Resize has a gradient only for keep_aspect_ratio_policy "stretch"`,
    );
  }
  const [from, to] = [context.inputShape(0), context.outputShape(0)];
  const block = repeatedBlock(context, from, to);
  if (block === undefined) {
    return [throughAxes(builder, gradient, axisOperators(context, from, to), from, to)];
  }
  const window = { kernel_shape: { ints: block }, strides: { ints: block } };
  const means = builder.add("AveragePool", [gradient], { attributes: window });
  return [scale(builder, means, elementCount(block))];
};

/** How many times each position of (N, C, H…) is repeated along each axis, if that is what happens. */
function repeatedBlock(
  context: GradientContext,
  from: readonly number[],
  to: readonly number[],
): readonly number[] | undefined {
  const node = changeNode(context.node, { attribute: currentAttributes(context) });
  const coordinates = stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
  const rounding = stringAttribute(node, "nearest_mode", "round_prefer_floor");
  // (o + ½)/k − ½ is never half way between two positions, so how a tie is rounded does not matter.
  const centred = ["half_pixel", "pytorch_half_pixel"].includes(coordinates);
  const repeats =
    (coordinates === "asymmetric" && rounding === "floor") ||
    (centred && rounding.startsWith("round"));
  if (!repeats || stringAttribute(node, "mode", "nearest") !== "nearest") return undefined;
  const factors = to.map((size, axis) => size / (from[axis] ?? 1));
  const scales = scalesOf(context);
  const exact = resizedAxes(node, from.length).every(
    (axis, position) => (scales?.[position] ?? factors[axis]) === factors[axis],
  );
  const images = from.length >= 3 && from.length <= 5 && factors[0] === 1 && factors[1] === 1;
  return exact && images && factors.every(Number.isInteger) ? factors.slice(2) : undefined;
}

function axisOperators(
  context: GradientContext,
  from: readonly number[],
  to: readonly number[],
): readonly AxisOperator[] {
  const { node } = context;
  const axes = resizedAxes(node, from.length);
  const scales = scalesOf(context);
  const crops = stringAttribute(node, "coordinate_transformation_mode", "") === CROP;
  const region = crops ? readNumbers(requireRegion(context)) : [];
  return axes.flatMap((axis, position) => {
    const factor = scales?.[position];
    if (!crops && from[axis] === to[axis] && (factor ?? 1) === 1) return [];
    const bounds = crops
      ? [0, 0, 0, region[position] ?? 0, 1, 1, 1, region[position + axes.length] ?? 1]
      : undefined;
    const apply = (builder: GraphBuilder, image: string) =>
      resizeLastAxis(builder, context, image, {
        factor,
        sizes: [1, 1, from[axis] ?? 1, to[axis] ?? 1],
        bounds,
      });
    return [{ axis, apply }];
  });
}

const CROP = "tf_crop_and_resize";

function requireRegion(context: GradientContext): Tensor {
  const region = context.constant(1);
  if (region === undefined) {
    throw new InputError(
      `node ${context.node.name}: Resize has a gradient only for a constant roi`,
    );
  }
  return region;
}

/** The node's own Resize, but along the last axis of an image only. */
function resizeLastAxis(
  builder: GraphBuilder,
  context: GradientContext,
  image: string,
  target: {
    readonly factor: number | undefined;
    readonly sizes: readonly number[];
    readonly bounds: readonly number[] | undefined;
  },
): string {
  const { factor, sizes, bounds } = target;
  // The extrapolation value is a constant part of Y, which has no gradient.
  const others = new Set(["axes", "extrapolation_value", "scales", "keep_aspect_ratio_policy"]);
  const attribute = currentAttributes(context).filter(({ name }) => !others.has(name));
  const output = builder.freshName("resize_matrix");
  const inputs = [
    image,
    bounds === undefined ? "" : floats(builder, bounds),
    ...(factor === undefined ? ["", builder.ints(sizes)] : [floats(builder, [1, 1, 1, factor])]),
  ];
  const node = changeNode(context.node, { opType: "Resize", attribute });
  copyNode(builder, node, inputs, [output]);
  return output;
}

export const resizeRules: readonly OperatorRule[] = ["Resize", "Upsample"].map((opType) => ({
  opType,
  inferShapes: resizeShape,
  trainingForward: resizeForward,
  gradient: resizeGradient,
}));
