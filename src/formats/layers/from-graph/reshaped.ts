import type { Dimension } from "../../../graph/builder.ts";
import type { LayerList } from "./layer-list.ts";
import { unwritable } from "./unwritable.ts";
import { arranged, sameOrder, type WrittenValue } from "./written-value.ts";

/** Axes before and behind a reshape that hold the same elements. */
interface AxisGroup {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** The order in which the layer's axes have to stand so that each group's lie together. */
export interface ReshapePlan {
  readonly groups: readonly AxisGroup[];
  readonly order: readonly number[];
}

/** Which axes become which, in a reshape of the graph's value to other sizes. */
export function reshapePlan(value: WrittenValue, shape: readonly Dimension[]): ReshapePlan {
  const batch = value.axes[0] as number;
  const target = value.shape[batch] === 1 ? batch : -1;
  if (target >= 0 && shape[target] !== 1) unwritable("it moves the batch");
  const from = longAxes(value.shape, batch);
  const to = longAxes(shape, target);
  const groups = matched(value.shape, from, shape, to);
  const own = groups.find((group) => group.from.includes(batch));
  if (own === undefined || own.from.length !== 1 || own.to.length !== 1) {
    unwritable("it joins the batch with another axis or divides it");
  }
  const order: number[] = [];
  for (const axis of value.axes) {
    const group = groups.find((each) => each.from.includes(axis));
    if (group !== undefined && !order.includes(axis)) order.push(...group.from);
  }
  return { groups, order };
}

/** The value under other sizes, with its elements in the graph's order. */
export function reshaped(
  list: LayerList,
  value: WrittenValue,
  shape: readonly Dimension[],
): WrittenValue {
  const { groups, order } = reshapePlan(value, shape);
  const there = value.axes.filter((axis) => order.includes(axis));
  // Axes of size 1 that are there anyway do not matter to the order of the elements.
  const placed = sameOrder(there, order) ? value : arranged(list, value, order);
  const axes = order.flatMap((axis) => groups.find(({ from }) => from[0] === axis)?.to ?? []);
  const sizes = axes.map((axis) => shape[axis] as Dimension);
  return { layer: list.reshape(placed.layer, sizes), shape, axes };
}

function longAxes(shape: readonly Dimension[], batch: number): number[] {
  return shape.flatMap((size, axis) => (size !== 1 || axis === batch ? [axis] : []));
}

/** Walks both shapes side by side and joins axes until their sizes are equal. */
function matched(
  before: readonly Dimension[],
  from: readonly number[],
  after: readonly Dimension[],
  to: readonly number[],
): AxisGroup[] {
  const groups: AxisGroup[] = [];
  let i = 0;
  let j = 0;
  while (i < from.length && j < to.length) {
    const group = { from: [from[i++] as number], to: [to[j++] as number] };
    let left = before[group.from[0] as number] as Dimension;
    let right = after[group.to[0] as number] as Dimension;
    // Two open sizes at the same place are the same one; the comparison of the models would tell.
    while (typeof left === "number" || typeof right === "number") {
      if (left === right) break;
      if (typeof left !== "number" || typeof right !== "number") {
        unwritable("it divides or joins axes of open sizes");
      }
      if (left < right && i < from.length) {
        const axis = from[i++] as number;
        group.from.push(axis);
        left = product(left, before[axis]);
      } else if (right < left && j < to.length) {
        const axis = to[j++] as number;
        group.to.push(axis);
        right = product(right, after[axis]);
      } else unwritable("its sizes are not known well enough to tell which axes it joins");
    }
    groups.push(group);
  }
  if (i < from.length || j < to.length) unwritable("its sizes do not fit each other");
  return groups;
}

function product(size: number, other: Dimension | undefined): number {
  return typeof other === "number" ? size * other : unwritable("it joins an axis of open size");
}
