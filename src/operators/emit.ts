import type { AttributeValue } from "../graph/attributes.ts";
import { type GraphBuilder, makeNode } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { changeNode } from "../graph/edit.ts";
import type { Node } from "../graph/graph.ts";
import { elementCount, float32Tensor } from "../graph/tensor.ts";
import { rangeOf } from "./shape-algebra.ts";

/** Short names for the nodes that many gradient rules add. All in their STEP_OPSET form. */

/** Adds a node whose outputs have names already. */
export function addNode(
  builder: GraphBuilder,
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = "",
): void {
  const options = { name: outputs[0] ?? opType, attributes, domain };
  builder.nodes.push(makeNode(opType, inputs, outputs, options));
}

/** The model's own node over the step graph's names, and named by its output like all others. */
export function copyNode(
  builder: GraphBuilder,
  node: Node,
  inputs: readonly string[],
  outputs: readonly string[],
): void {
  const name = outputs.find((output) => output !== "") ?? node.name;
  builder.nodes.push(changeNode(node, { name, input: [...inputs], output: [...outputs] }));
}

export function reshape(builder: GraphBuilder, value: string, shape: readonly number[]): string {
  return builder.add("Reshape", [value, builder.ints(shape)]);
}

export function transpose(builder: GraphBuilder, value: string, perm: readonly number[]): string {
  return builder.add("Transpose", [value], { attributes: { perm: { ints: perm } } });
}

/** (N, C, …) ↔ (C, N, …). */
export function swapFirstTwo(builder: GraphBuilder, value: string, rank: number): string {
  return transpose(builder, value, [1, 0, ...rangeOf(rank - 2, 2)]);
}

/** (…, A, B) ↔ (…, B, A). */
export function swapLastTwo(builder: GraphBuilder, value: string, rank: number): string {
  return transpose(builder, value, [...rangeOf(rank - 2), rank - 1, rank - 2]);
}

/** A divisor for numbers that are 0 wherever a norm is: one below 1e-30 is taken as that. */
export function nonzeroNorm(builder: GraphBuilder, norm: string): string {
  return builder.add("Max", [norm, builder.scalar(1e-30)]);
}

export function multiply(builder: GraphBuilder, left: string, right: string): string {
  return builder.add("Mul", [left, right]);
}

export function scale(builder: GraphBuilder, value: string, factor: number): string {
  return factor === 1 ? value : builder.add("Mul", [value, builder.scalar(factor)]);
}

export function negate(builder: GraphBuilder, value: string): string {
  return builder.add("Neg", [value]);
}

export function sumOver(
  builder: GraphBuilder,
  value: string,
  axes: readonly number[],
  keepDimensions = false,
): string {
  return builder.add("ReduceSum", [value, builder.ints(axes)], {
    attributes: { keepdims: { int: keepDimensions ? 1 : 0 } },
  });
}

/** Of images with more positions rows are summed first, each about this long. */
const LONGEST_ROW = 128;

/**
 * Σ over batch and positions of (N, C, …): (C). ONNX Runtime adds an image's positions with few
 * accumulators, so that rounding grows with their number; sums of rows first, and then of those,
 * round up to seven times less and take as long (batches of 4 to 64, 28×28 to 128×128).
 */
export function sumPerChannel(
  builder: GraphBuilder,
  value: string,
  shape: readonly number[],
): string {
  const [batch = 1, channels = 1, ...sizes] = shape;
  const positions = elementCount(sizes);
  const row = rangeOf(LONGEST_ROW / 2, LONGEST_ROW / 2 + 1).findLast(
    (size) => positions % size === 0,
  );
  if (row === undefined || positions < 4 * LONGEST_ROW) {
    return sumOver(builder, value, [0, ...rangeOf(sizes.length, 2)]);
  }
  const rows = reshape(builder, value, [batch, channels, positions / row, row]);
  return sumOver(builder, sumOver(builder, rows, [3]), [0, 2]);
}

/**
 * Σ_n values[n], of shape `rest`, as a product with a row of ones: two to seven times as fast as
 * ONNX Runtime's ReduceSum over the first axis, which gains nothing from a second thread.
 */
export function sumOverFirst(
  builder: GraphBuilder,
  values: string,
  count: number,
  rest: readonly number[],
): string {
  const ones = builder.shared(`ones:${count}`, (name) =>
    float32Tensor(name, [1, count], new Float32Array(count).fill(1)),
  );
  const rows = reshape(builder, values, [count, elementCount(rest)]);
  return reshape(builder, builder.add("MatMul", [ones, rows]), rest);
}

export function meanOver(builder: GraphBuilder, value: string, axes: readonly number[]): string {
  return builder.add("ReduceMean", [value, builder.ints(axes)], {
    attributes: { keepdims: { int: 1 } },
  });
}

/** 1 where a condition holds and 0 elsewhere: a mask to multiply with, faster than Where. */
export function asFloat(builder: GraphBuilder, condition: string): string {
  return builder.add("Cast", [condition], { attributes: { to: { int: DataType.FLOAT } } });
}

export function slice(
  builder: GraphBuilder,
  value: string,
  ranges: readonly {
    readonly axis: number;
    readonly start: number;
    readonly end: number;
    readonly step?: number;
  }[],
): string {
  if (ranges.length === 0) return value;
  return builder.add("Slice", [
    value,
    builder.ints(ranges.map((range) => range.start)),
    builder.ints(ranges.map((range) => range.end)),
    builder.ints(ranges.map((range) => range.axis)),
    builder.ints(ranges.map((range) => range.step ?? 1)),
  ]);
}

/** Zeros around a value; no node where there is nothing to add. */
export function padWithZeros(
  builder: GraphBuilder,
  value: string,
  begin: readonly number[],
  end: readonly number[],
): string {
  if ([...begin, ...end].every((size) => size === 0)) return value;
  return builder.add("Pad", [value, builder.ints([...begin, ...end])]);
}

export function expand(builder: GraphBuilder, value: string, shape: readonly number[]): string {
  return builder.add("Expand", [value, builder.ints(shape)]);
}

export function zeros(builder: GraphBuilder, shape: readonly number[]): string {
  return expand(builder, builder.scalar(0), shape);
}

/**
 * Zeros of a shape with the updates added at their positions along an axis. Not ScatterND: its
 * addition is a data race on the CPU when positions repeat; this one adds in a fixed order.
 */
export function scatterSum(
  builder: GraphBuilder,
  shape: readonly number[],
  axis: number,
  positions: string,
  updates: string,
): string {
  return builder.add("ScatterElements", [zeros(builder, shape), positions, updates], {
    attributes: { axis: { int: axis }, reduction: { string: "add" } },
  });
}

/**
 * M·X along one axis of X, with M of shape (to, from) and from = shape[axis].
 *
 * @returns the product, whose axis has the size `to`.
 */
export function multiplyAlong(
  builder: GraphBuilder,
  value: string,
  shape: readonly number[],
  axis: number,
  matrix: string,
  to: number,
): string {
  const from = shape[axis] ?? 1;
  const before = elementCount(shape.slice(0, axis));
  const after = elementCount(shape.slice(axis + 1));
  const rows = () => reshape(builder, value, [before, from]);
  const product =
    after === 1
      ? builder.add("Gemm", [rows(), matrix], { attributes: { transB: { int: 1 } } })
      : builder.add("MatMul", [matrix, reshape(builder, value, [before, from, after])]);
  const result = shape.map((size, position) => (position === axis ? to : size));
  return reshape(builder, product, result);
}

/**
 * Sums a gradient back to the shape its value had before it was broadcast (NumPy rules): over the
 * axes that were added in front and over those that were stretched from 1.
 */
export function sumToShape(
  builder: GraphBuilder,
  gradient: string,
  from: readonly number[],
  to: readonly number[],
): string {
  const added = from.length - to.length;
  const stretched = rangeOf(from.length).filter(
    (axis) => axis < added || (to[axis - added] === 1 && from[axis] !== 1),
  );
  const summed = stretched.length === 0 ? gradient : sumOver(builder, gradient, stretched);
  const kept = from.filter((_, axis) => !stretched.includes(axis));
  const sameShape = kept.length === to.length && elementCount(kept) === elementCount(to);
  return sameShape ? summed : reshape(builder, summed, to);
}
