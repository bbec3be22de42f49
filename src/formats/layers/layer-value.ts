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
  /** The value has the axis of time in front of the batch, as recurrent operators do. */
  readonly timeFirst?: boolean;
  /**
   * A boolean value (batch, time) that tells which steps count; DIFFERING_MASKS where several were
   * joined. Undefined where all do.
   */
  readonly mask?: string | undefined;
  /** Not even the number of axes is known, because this layer is not computed. */
  readonly unknownBehind?: string;
}

/** Stands for a mask that was put together from several. */
export const DIFFERING_MASKS = "?";

/** The axes of (N, …, C) in the order (N, C, …). */
export function channelsFirstOrder(rank: number): number[] {
  return [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 1)];
}

/** The axes of (N, C, …) in the order (N, …, C). */
export function channelsLastOrder(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 2), 1];
}

/** Where an axis in the file's order lies in the value. */
export function valueAxis({ shape, moved, timeFirst }: LayerValue, axis: number): number {
  const last = shape.length - 1;
  if (timeFirst && axis < 2) return 1 - axis;
  if (!moved || axis === 0) return axis;
  return axis === last ? 1 : axis + 1;
}
