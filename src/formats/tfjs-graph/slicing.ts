import type { Size } from "../layers/layer-value.ts";
import { constantAxis } from "./axes.ts";
import type { Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/** Past the end of every axis. */
const BEYOND = 2 ** 31 - 1;

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

interface Bounds {
  readonly begin: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

function sliced(operation: Operation, part: string, bounds: Bounds): TensorValue {
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

/** Bounds and a step for each axis; bits of masks leave out bounds and take axes away. */
function stridedSlice(operation: Operation): readonly TensorValue[] | undefined {
  const { attributes } = operation;
  const shape = operation.shape(0);
  const lists = [1, 2, 3].map((index) => operation.numbers(index));
  const [begin, end, steps] = lists;
  if (begin === undefined || end === undefined || steps === undefined) return undefined;
  if (["ellipsis_mask", "new_axis_mask"].some((name) => attributes.integer(name, 0) !== 0)) {
    return undefined;
  }
  if (begin.length > shape.length || end.length !== begin.length || steps.length !== begin.length) {
    operation.refuse(`its bounds [${begin}] and [${end}] do not fit ${shape.length} axes`);
  }
  if (steps.includes(0)) operation.refuse("a step of its slice is 0");
  const bit = (name: string, axis: number) => ((attributes.integer(name, 0) >> axis) & 1) === 1;
  const gone = begin.flatMap((_, axis) => (bit("shrink_axis_mask", axis) ? [axis] : []));
  const bounds = {
    begin: begin.map((start, axis) => {
      if (gone.includes(axis) || !bit("begin_mask", axis)) return start;
      return (steps[axis] ?? 1) > 0 ? 0 : BEYOND;
    }),
    ends: end.map((stop, axis) => {
      // A single position: -1 stands for the last one, behind which nothing is.
      const start = begin[axis] ?? 0;
      if (gone.includes(axis)) return start === -1 ? BEYOND : start + 1;
      if (!bit("end_mask", axis)) return stop;
      return (steps[axis] ?? 1) > 0 ? BEYOND : -BEYOND;
    }),
    steps: steps.map((step, axis) => (gone.includes(axis) ? 1 : step)),
  };
  if (gone.length === 0) return [sliced(operation, "main", bounds)];
  const part = sliced(operation, "slice", bounds);
  const axes = operation.builder.ints(gone);
  const value = operation.add("main", "Squeeze", [part.value, axes]);
  return [{ ...part, value, shape: part.shape?.filter((_, axis) => !gone.includes(axis)) }];
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
  { operators: ["StridedSlice"], build: stridedSlice },
  { operators: ["Gather", "GatherV2"], build: gather },
];
