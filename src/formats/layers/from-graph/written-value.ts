import type { Dimension } from "../../../graph/builder.ts";
import type { LayerList } from "./layer-list.ts";
import { unwritable } from "./unwritable.ts";

/**
 * A value of the graph as a layer makes it. Only where a layer needs another order of axes than it
 * has, a Permute is put between: a Transpose of the graph is a change of `axes`, and an axis of size
 * 1 need not be there at all.
 */
export interface WrittenValue {
  readonly layer: string;
  /** Sizes in the graph's order. */
  readonly shape: readonly Dimension[];
  /** Which axis of the graph's value each axis of the layer's is; what is left out has size 1. */
  readonly axes: readonly number[];
  /** Element i of the layer's last axis is element shuffled[i] of the graph's value. */
  readonly shuffled?: readonly number[];
}

/** (N, C, …) in its own order. */
export function plainOrder(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** Sizes of the layer's own axes. */
export function layerSizes({ axes, shape }: WrittenValue): Dimension[] {
  return axes.map((axis) => shape[axis] as Dimension);
}

/** The value with exactly these axes in this order. */
export function arranged(
  list: LayerList,
  value: WrittenValue,
  axes: readonly number[],
): WrittenValue {
  if (sameOrder(value.axes, axes)) return value;
  const batch = value.axes[0];
  if (batch !== axes[0]) {
    unwritable("it moves or mixes the batch, which layers keep as the first axis");
  }
  const isLong = (axis: number) => axis === batch || value.shape[axis] !== 1;
  const have = value.axes.filter(isLong);
  const wanted = axes.filter(isLong);
  let { layer, axes: current } = value;
  if (!sameOrder(have, wanted)) {
    const sameAxes = current.length === axes.length && current.every((axis) => axes.includes(axis));
    const next = sameAxes ? axes : [...wanted, ...current.filter((axis) => !isLong(axis))];
    const before = current;
    layer = list.permute(
      layer,
      next.map((axis) => before.indexOf(axis)),
    );
    current = next;
  }
  if (!sameOrder(current, axes)) layer = list.reshape(layer, layerSizes({ ...value, axes }));
  return { ...value, layer, axes };
}

export function sameOrder(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((axis, position) => axis === b[position]);
}
