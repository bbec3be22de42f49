import { type Size, valueAxis } from "../layers/layer-value.ts";
import { constantAxis, countedAxes } from "./axes.ts";
import { movedOperand } from "./constant-layout.ts";
import type { Operand, Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import { isRanked, type TensorValue } from "./tensor-value.ts";

/** The inputs one behind the other; the axis is the last input. */
function concatenation(operation: Operation): readonly TensorValue[] | undefined {
  const count = operation.inputs.length - 1;
  if (count < 1) operation.refuse("it has nothing to join");
  const indices = Array.from({ length: count }, (_, index) => index);
  const inputs = indices.map((index) => operation.input(index));
  const rank = operation.shape(0).length;
  const axis = constantAxis(operation, count, rank);
  if (axis === undefined) return undefined;
  const shape = joinedShape(operation, inputs, axis, rank);
  const moved = inputs.some((input) => input.moved) && inputs.every(isRanked);
  const operands = indices.map((index): Operand => {
    if (!moved) return operation.operand(index);
    const constant = operation.constant(index, movedOperand(rank));
    return constant ?? operation.channelsFirst(operation.input(index));
  });
  const { dataType } = operation.input(0);
  const place = valueAxis({ value: "", shape, moved, dataType }, axis);
  const value = operation.add("main", "Concat", operands, { axis: { int: place } });
  const known = rank === 1 && inputs.every(({ elements }) => elements !== undefined);
  const elements = known ? inputs.flatMap((input) => input.elements ?? []) : undefined;
  return [{ value, moved, shape, dataType, elements }];
}

function joinedShape(
  operation: Operation,
  inputs: readonly TensorValue[],
  axis: number,
  rank: number,
): readonly Size[] {
  const shapes = inputs.map(({ shape }) => shape ?? new Array<null>(rank).fill(null));
  return Array.from({ length: rank }, (_, each): Size => {
    if (shapes.some((shape) => shape.length !== rank)) {
      operation.refuse("its inputs have different numbers of axes");
    }
    const sizes = shapes.map((shape) => shape[each] ?? null);
    if (each === axis) {
      return sizes.includes(null) ? null : (sizes as number[]).reduce((sum, size) => sum + size, 0);
    }
    const stated = new Set(sizes.filter((size) => size !== null));
    if (stated.size > 1) operation.refuse(`its inputs have the sizes ${[...stated].join(" and ")}`);
    return [...stated][0] ?? null;
  });
}

/** Values of one shape, one behind the other along a new axis. */
function pack(operation: Operation): readonly TensorValue[] {
  const shape = operation.shape(0);
  const stated = operation.attributes.integer("axis", 0);
  const [axis = 0] = countedAxes(operation, [stated], shape.length + 1);
  const { builder, inputs } = operation;
  const operands = inputs.map((_, index) =>
    operation.add(`axis${index}`, "Unsqueeze", [operation.operand(index), builder.ints([axis])]),
  );
  const value = operation.add("main", "Concat", operands, { axis: { int: axis } });
  const numbers = shape.length === 0 && inputs.every(({ elements }) => elements?.length === 1);
  const elements = numbers ? inputs.map((input) => input.elements?.[0] ?? null) : undefined;
  const longer = [...shape.slice(0, axis), inputs.length, ...shape.slice(axis)];
  const { dataType } = operation.input(0);
  return [{ value, moved: false, shape: longer, dataType, elements }];
}

/** Parts of the given sizes along an axis, or of one size where none are given. */
function parts(
  operation: Operation,
  index: number,
  axis: number,
  sizes: readonly number[] | number,
): readonly TensorValue[] {
  const input = operation.input(index);
  const shape = operation.shape(index);
  const equal = typeof sizes === "number";
  const count = equal ? sizes : sizes.length;
  const whole = shape[axis] ?? null;
  if (count < 1 || count > MOST_PARTS) operation.refuse(`it makes ${count} parts`);
  if (whole !== null && (equal ? whole % count !== 0 : sum(sizes) !== whole)) {
    operation.refuse(`an axis of size ${whole} cannot be parted into ${sizes}`);
  }
  const constant = operation.constant(index);
  const place = isRanked(input) ? valueAxis(input, axis) : axis;
  const operands = [constant ?? input.value, ...(equal ? [] : [operation.builder.ints(sizes)])];
  const values = operation.addMany("main", "Split", operands, count, { axis: { int: place } });
  return values.map((value, part) => {
    const each = whole === null ? null : whole / count;
    const size = equal ? each : (sizes[part] ?? null);
    const own = shape.map((old, position) => (position === axis ? size : old));
    return { value, moved: input.moved, shape: own, dataType: input.dataType };
  });
}

const MOST_PARTS = 4096;

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function split(operation: Operation): readonly TensorValue[] | undefined {
  const axis = constantAxis(operation, 0, operation.shape(1).length);
  if (axis === undefined) return undefined;
  return parts(operation, 1, axis, operation.attributes.integer("num_split", 1));
}

function splitBySizes(operation: Operation): readonly TensorValue[] | undefined {
  const shape = operation.shape(0);
  const axis = constantAxis(operation, 2, shape.length);
  const stated = operation.numbers(1);
  const whole = axis === undefined ? null : (shape[axis] ?? null);
  if (axis === undefined || stated === undefined) return undefined;
  if (stated.includes(-1) && whole === null) return undefined;
  const rest = (whole ?? 0) - sum(stated.filter((size) => size >= 0));
  return parts(
    operation,
    0,
    axis,
    stated.map((size) => (size === -1 ? rest : size)),
  );
}

/** The slices along an axis, which goes. */
function unpack(operation: Operation): readonly TensorValue[] {
  const shape = operation.shape(0);
  const [axis = 0] = countedAxes(
    operation,
    [operation.attributes.integer("axis", 0)],
    shape.length,
  );
  const count = operation.attributes.integer("num", Number(shape[axis] ?? 0));
  if (count < 1 || count > MOST_PARTS) operation.refuse(`it makes ${count} parts`);
  const { dataType } = operation.input(0);
  const slices = operation.addMany("parts", "Split", [operation.operand(0)], count, {
    axis: { int: axis },
  });
  const axes = operation.builder.ints([axis]);
  return slices.map((slice, part) => ({
    value: operation.add(`main${part}`, "Squeeze", [slice, axes]),
    moved: false,
    shape: shape.filter((_, each) => each !== axis),
    dataType,
  }));
}

export const joiningOperators: readonly OperationRule[] = [
  { operators: ["ConcatV2"], build: concatenation },
  { operators: ["Pack"], build: pack },
  { operators: ["Split"], build: split },
  { operators: ["SplitV"], build: splitBySizes },
  { operators: ["Unpack"], build: unpack },
];
