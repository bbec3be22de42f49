import type { DataType } from "../../graph/data-type.ts";

/** A size; null is one that is known only when the model runs, the batch above all. */
export type Size = number | null;

/**
 * The result of a layer's call. `shape` is always in the order of the file. Where `moved` is set the
 * value of the graph has its last axis, the channels, as axis 1: (N, H, W, C) lies there as
 * (N, C, H, W), which is what the convolutions of ONNX need.
 */
export interface LayerValue {
  readonly value: string;
  readonly shape: readonly Size[];
  readonly moved: boolean;
  readonly dataType: DataType;
}

/** The axes of (N, …, C) in the order (N, C, …). */
export function channelsFirstOrder(rank: number): number[] {
  return [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 1)];
}

/** The axes of (N, C, …) in the order (N, …, C). */
export function channelsLastOrder(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 2), 1];
}

/** Where an axis in the file's order lies in the value. */
export function valueAxis({ shape, moved }: LayerValue, axis: number): number {
  const last = shape.length - 1;
  if (!moved || axis === 0) return axis;
  return axis === last ? 1 : axis + 1;
}
