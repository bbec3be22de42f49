import { intsAttribute } from "../graph/attributes.ts";
import type { Dimension, GraphBuilder } from "../graph/builder.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import { addNode, padWithZeros, reshape, slice } from "./emit.ts";
import {
  type ElementRule,
  type GradientRule,
  type OperatorRule,
  type ShapeContext,
  type ShapeRule,
  type TrainingForwardRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { coordinatesOf, positiveAxis, rangeOf, rowMajor, staticShape } from "./shape-algebra.ts";
import { withShape } from "./shape-rules.ts";

/** Start and end as the node states them; an end may be a huge number that means "all". */
interface Cut {
  readonly axis: number;
  readonly start: Dimension;
  readonly end: Dimension;
  readonly step: Dimension;
}

type Lists = Pick<ShapeContext, "node"> & {
  elements(index: number): readonly Dimension[] | undefined;
};

/** The cuts of a Slice: inputs from opset 10, attributes before. */
function cutsOf(context: Lists, rank: number): readonly Cut[] | undefined {
  const list = (name: string, input: number) =>
    intsAttribute(context.node, name) ?? context.elements(input);
  const [starts, ends, steps] = [list("starts", 1), list("ends", 2), context.elements(4)];
  if (starts === undefined || ends === undefined) return undefined;
  const axes = list("axes", 3) ?? rangeOf(starts.length);
  return axes.map((axis, index) => ({
    axis: positiveAxis(Number(axis), rank),
    start: starts[index] ?? 0,
    end: ends[index] ?? UNKNOWN_SIZE,
    step: steps?.[index] ?? 1,
  }));
}

/** A cut of an axis of known size, within its bounds: positions start, start + step, … (count). */
interface Range {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Negative positions count from the end, then both are clamped, as in ONNX. */
function rangeWithin(cut: Cut, size: number): Range | undefined {
  const { start, end, step } = cut;
  if (typeof start !== "number" || typeof end !== "number" || typeof step !== "number")
    return undefined;
  const clamp = (position: number, low: number, high: number) =>
    Math.min(Math.max(position < 0 ? position + size : position, low), high);
  const from = step > 0 ? clamp(start, 0, size) : clamp(start, 0, size - 1);
  const to = step > 0 ? clamp(end, 0, size) : clamp(end, -1, size - 1);
  return { start: from, step, count: Math.max(Math.ceil((to - from) / step), 0) };
}

const sliceShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  const cuts = cutsOf(context, input.shape.length);
  if (cuts === undefined) return [withShape(input, unknownAxes(context, input.shape))];
  const shape = input.shape.map((size, axis) => {
    const cut = cuts.find((each) => each.axis === axis);
    return cut === undefined ? size : cutSize(cut, size);
  });
  return [withShape(input, shape)];
};

/** Without the positions, only the axes that are not cut keep their size. */
function unknownAxes(context: ShapeContext, shape: readonly Dimension[]): readonly Dimension[] {
  const axes = context.elements(3)?.map((axis) => positiveAxis(Number(axis), shape.length));
  return shape.map((size, axis) =>
    axes === undefined || axes.includes(axis) ? UNKNOWN_SIZE : size,
  );
}

function cutSize(cut: Cut, size: Dimension): Dimension {
  if (typeof size === "number") return rangeWithin(cut, size)?.count ?? namedEnd(cut);
  const whole = cut.start === 0 && cut.step === 1 && Number(cut.end) >= 2 ** 31 - 1;
  if (whole) return size;
  return namedEnd(cut);
}

/** x[0:S] has size S where S names a size, as in a position table cut to the sequence. */
function namedEnd(cut: Cut): Dimension {
  return cut.start === 0 && cut.step === 1 && typeof cut.end === "string" ? cut.end : UNKNOWN_SIZE;
}

/** A table of pads is turned around by a Slice of step −1 of its rows, in the way from PyTorch's order to ONNX's. */
const sliceElements: ElementRule = (context) => {
  const values = context.elements(0);
  if (values === undefined) return undefined;
  const stated = context.input(0)?.shape ?? [];
  const shape = stated.length > 1 ? staticShape(stated) : [values.length];
  if (shape === undefined || elementCount(shape) !== values.length) return undefined;
  const cuts = cutsOf(context, shape.length);
  const ranges = shape.map((size, axis): Range | undefined => {
    const cut = cuts?.find((each) => each.axis === axis);
    return cut === undefined ? { start: 0, step: 1, count: size } : rangeWithin(cut, size);
  });
  const known = ranges.filter((range) => range !== undefined);
  if (cuts === undefined || known.length < ranges.length) return undefined;
  return coordinatesOf(known.map(({ count }) => count)).map((position) => {
    const source = known.map(({ start, step }, axis) => start + (position[axis] ?? 0) * step);
    return values[rowMajor(source, shape)] ?? UNKNOWN_SIZE;
  });
};

const sliceForward: TrainingForwardRule = (context) => {
  const { builder, node, inputs, outputs } = context;
  const [starts, ends] = [intsAttribute(node, "starts"), intsAttribute(node, "ends")];
  if (starts === undefined || ends === undefined) {
    addNode(builder, "Slice", inputs, outputs);
    return;
  }
  const axes = intsAttribute(node, "axes") ?? rangeOf(starts.length);
  const lists = [starts, ends, axes].map((list) => builder.ints(list));
  addNode(builder, "Slice", [inputs[0] ?? "", ...lists], outputs);
};

/** Zeros where nothing was taken, axis by axis. */
const sliceGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const shape = context.inputShape(0);
  const ranges = cutsOf(context, shape.length)?.map((cut) => ({
    axis: cut.axis,
    range: rangeWithin(cut, shape[cut.axis] ?? 0),
  }));
  if (ranges === undefined || ranges.some(({ range }) => range === undefined)) {
    throw new InputError(
      `node ${context.node.name}: Slice has a gradient only for constant positions`,
    );
  }
  let current = { value: gradient, shape: [...context.outputShape(0)] };
  for (const { axis, range } of ranges) {
    if (range !== undefined)
      current = spread(context.builder, current, axis, range, shape[axis] ?? 0);
  }
  return [current.value];
};

interface Shaped {
  readonly value: string;
  readonly shape: number[];
}

/** Puts a range's elements back to their positions on an axis of `size`. */
function spread(
  builder: GraphBuilder,
  part: Shaped,
  axis: number,
  range: Range,
  size: number,
): Shaped {
  const last = range.start + (range.count - 1) * range.step;
  const step = Math.abs(range.step);
  const forward =
    range.step > 0
      ? part.value
      : slice(builder, part.value, [{ axis, start: -1, end: -(2 ** 31), step: -1 }]);
  const before = range.step > 0 ? range.start : last;
  const spaced =
    step === 1 ? forward : withGaps(builder, { value: forward, shape: part.shape }, axis, step);
  const extent = (range.count - 1) * step + 1;
  const begin = part.shape.map((_, position) => (position === axis ? before : 0));
  const end = part.shape.map((_, position) => (position === axis ? size - before - extent : 0));
  const shape = part.shape.map((old, position) => (position === axis ? size : old));
  return { value: padWithZeros(builder, spaced, begin, end), shape };
}

/** step − 1 zeros between the elements: as (n, 1), padded to (n, step), as n·step, cut at the end. */
function withGaps(builder: GraphBuilder, part: Shaped, axis: number, step: number): string {
  const { shape } = part;
  const count = shape[axis] ?? 1;
  const split = [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)];
  const padded = padWithZeros(
    builder,
    reshape(builder, part.value, split),
    split.map(() => 0),
    split.map((_, position) => (position === axis + 1 ? step - 1 : 0)),
  );
  const joined = [...shape.slice(0, axis), count * step, ...shape.slice(axis + 1)];
  const end = (count - 1) * step + 1;
  return slice(builder, reshape(builder, padded, joined), [{ axis, start: 0, end }]);
}

export const slicingRules: readonly OperatorRule[] = [
  {
    opType: "Slice",
    inferShapes: sliceShape,
    inferElements: sliceElements,
    trainingForward: sliceForward,
    gradient: sliceGradient,
  },
];
