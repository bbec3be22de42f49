import type { Size } from "../layers/layer-value.ts";
import { constantAxis } from "./axes.ts";
import type { Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/** Past the end of every axis. */
export const BEYOND = 2 ** 31 - 1;

/** From begin on, as many as size says, all that are left for -1. */
function slice(operation: Operation): readonly TensorValue[] | undefined {
  const shape = operation.shape(0);
  const [begin, size] = [operation.numbers(1), operation.numbers(2)];
  if (begin === undefined || size === undefined) return undefined;
  if (begin.length !== shape.length || size.length !== shape.length) {
    operation.refuse(`it begins at [${begin}] and takes [${size}] of ${shape.length} axes`);
  }
  const ends = begin.map((start, axis) => (size[axis] === -1 ? BEYOND : start + (size[axis] ?? 0)));
  const steps = begin.map(() => 1);
  return [sliced(operation, "main", { begin, ends, steps })];
}

/** For the leading axes of a value. */
export interface Bounds {
  readonly begin: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

/** The first input within the bounds, as the given part of the operation. */
export function sliced(operation: Operation, part: string, bounds: Bounds): TensorValue {
  const { begin, ends, steps } = bounds;
  const { builder } = operation;
  const axes = begin.map((_, axis) => axis);
  const lists = [begin, ends, axes, steps].map((list) => builder.ints(list));
  const value = operation.add(part, "Slice", [operation.operand(0), ...lists]);
  const { dataType, elements } = operation.input(0);
  const shape = operation.shape(0).map((size, axis): Size => {
    const [start, end, step] = [begin[axis] ?? 0, ends[axis] ?? BEYOND, steps[axis] ?? 1];
    return size === null ? null : taken(size, start, end, step).count;
  });
  const list = operation.shape(0).length === 1 ? elements : undefined;
  const kept = list && takenElements(list, bounds);
  return { value, moved: false, shape, dataType, elements: kept };
}

/** Which positions a slice takes; negative ones count from the end. */
function taken(size: number, start: number, end: number, step: number) {
  const low = step > 0 ? 0 : -1;
  const clamped = (position: number) => {
    const counted = position < 0 ? position + size : position;
    return Math.min(Math.max(counted, low), step > 0 ? size : size - 1);
  };
  const [first, last] = [clamped(start), clamped(end)];
  const count = Math.max(Math.ceil((last - first) / step), 0);
  return { first, step, count };
}

function takenElements(elements: readonly Size[], bounds: Bounds): readonly Size[] {
  const [start = 0, end = BEYOND, stride = 1] = [bounds.begin[0], bounds.ends[0], bounds.steps[0]];
  const { first, step, count } = taken(elements.length, start, end, stride);
  return Array.from({ length: count }, (_, index) => elements[first + index * step] ?? null);
}

/** The slices of an axis that indices name. */
function gather(operation: Operation): readonly TensorValue[] | undefined {
  if (operation.attributes.integer("batch_dims", 0) !== 0) return undefined;
  const shape = operation.shape(0);
  const axis = operation.inputs.length > 2 ? constantAxis(operation, 2, shape.length) : 0;
  if (axis === undefined) return undefined;
  const operands = [operation.operand(0), operation.operand(1)];
  const value = operation.add("main", "Gather", operands, { axis: { int: axis } });
  const { dataType, elements } = operation.input(0);
  const indices = operation.input(1).shape;
  const result = indices && [...shape.slice(0, axis), ...indices, ...shape.slice(axis + 1)];
  const positions = operation.input(1).elements;
  const kept =
    elements && positions?.map((index) => (index === null ? null : (elements.at(index) ?? null)));
  return [{ value, moved: false, shape: result, dataType, elements: kept }];
}

export const slicingOperators: readonly OperationRule[] = [
  { operators: ["Slice"], build: slice },
  { operators: ["Gather", "GatherV2"], build: gather },
];
