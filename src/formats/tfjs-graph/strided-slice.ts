import type { Size } from "../layers/layer-value.ts";
import type { Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import { BEYOND, type Bounds, sliced } from "./slicing.ts";
import type { TensorValue } from "./tensor-value.ts";

/** What one entry of the lists says: an axis of the input in part, one that goes, or one that is new. */
type Entry = "range" | "position" | "new axis";

interface Plan {
  readonly bounds: Bounds;
  /** Axes of the input that go, as one position of each is taken. */
  readonly gone: readonly number[];
  /** Axes of the result that are new, of size 1. */
  readonly added: readonly number[];
}

/**
 * Bounds and a step for each axis; bits of masks leave out bounds, take axes away, put new ones in, or
 * let one entry stand for all axes that no other entry names.
 */
function stridedSlice(operation: Operation): readonly TensorValue[] | undefined {
  const rank = operation.shape(0).length;
  const [begin, end, steps] = [1, 2, 3].map((index) => operation.numbers(index));
  if (begin === undefined || end === undefined || steps === undefined) return undefined;
  if (end.length !== begin.length || steps.length !== begin.length) {
    operation.refuse(`its bounds [${begin}] and [${end}] and steps [${steps}] differ in length`);
  }
  if (steps.includes(0)) operation.refuse("a step of its slice is 0");
  const { bounds, gone, added } = planned(operation, rank, [begin, end, steps]);
  const names = ["slice", ...(gone.length > 0 ? ["squeezed"] : [])];
  const parts = added.length > 0 ? names : names.slice(0, -1);
  const name = (step: number) => parts[step] ?? "main";
  const { builder } = operation;
  let result = sliced(operation, name(0), bounds);
  if (gone.length > 0) {
    const value = operation.add(name(1), "Squeeze", [result.value, builder.ints(gone)]);
    result = { ...result, value, shape: result.shape?.filter((_, axis) => !gone.includes(axis)) };
  }
  if (added.length === 0) return [result];
  const value = operation.add("main", "Unsqueeze", [result.value, builder.ints(added)]);
  const shape: Size[] = [...(result.shape ?? [])];
  for (const axis of added) shape.splice(axis, 0, 1);
  return [{ ...result, value, shape, elements: shape.length <= 1 ? result.elements : undefined }];
}

/** What the entries say, axis by axis of the input. */
function planned(
  operation: Operation,
  rank: number,
  [begin, end, steps]: readonly (readonly number[])[],
): Plan {
  const count = begin?.length ?? 0;
  const bit = (mask: string, entry: number) =>
    ((operation.attributes.integer(mask, 0) >> entry) & 1) === 1;
  const ellipses = Array.from({ length: count }, (_, entry) => bit("ellipsis_mask", entry));
  const entries = ellipses.map((_, entry): Entry => {
    if (bit("new_axis_mask", entry)) return "new axis";
    return bit("shrink_axis_mask", entry) ? "position" : "range";
  });
  const named = entries.filter((entry, index) => !ellipses[index] && entry !== "new axis").length;
  if (ellipses.filter(Boolean).length > 1 || named > rank) {
    operation.refuse(`its bounds [${begin}] and [${end}] do not fit ${rank} axes`);
  }
  const bounds = { begin: [] as number[], ends: [] as number[], steps: [] as number[] };
  const gone: number[] = [];
  const added: number[] = [];
  const take = (from: number, to: number, step: number) => {
    bounds.begin.push(from);
    bounds.ends.push(to);
    bounds.steps.push(step);
  };
  for (const [index, entry] of entries.entries()) {
    const [start, stop, step] = [begin?.[index] ?? 0, end?.[index] ?? 0, steps?.[index] ?? 1];
    const axis = bounds.begin.length;
    if (ellipses[index]) {
      for (let rest = named; rest < rank; rest++) take(0, BEYOND, 1);
    } else if (entry === "new axis") added.push(axis - gone.length + added.length);
    else if (entry === "position") {
      // A single position: -1 stands for the last one, behind which nothing is.
      take(start, start === -1 ? BEYOND : start + 1, 1);
      gone.push(axis);
    } else {
      const [first, last] = step > 0 ? [0, BEYOND] : [BEYOND, -BEYOND];
      const from = bit("begin_mask", index) ? first : start;
      take(from, bit("end_mask", index) ? last : stop, step);
    }
  }
  return { bounds, gone, added };
}

export const stridedSlicingOperators: readonly OperationRule[] = [
  { operators: ["StridedSlice"], build: stridedSlice },
];
