import { elementBits } from "../../graph/data-type.ts";
import { elementCount, type Tensor } from "../../graph/tensor.ts";
import { transposeBytes } from "../../graph/transpose-bytes.ts";

/**
 * How a weight lies in the graph, told by how it lies in the file. Both ways only move numbers, so
 * there and back again is exact.
 */
export interface WeightLayout {
  /** Sizes in the graph of a weight with these sizes in the file. */
  dims(stored: readonly number[]): readonly number[];
  /** Sizes in the file of a weight with these sizes in the graph; undefined where they do not tell. */
  storedDims(dims: readonly number[]): readonly number[] | undefined;
  /** Axis i in the graph, before any are joined, is axis order[i] of the file; left out where no axes tell. */
  order?(rank: number): readonly number[];
  /** The elements in the graph's order, from those in the file's. */
  toGraph(bytes: Uint8Array, stored: readonly number[], elementBytes: number): Uint8Array;
  /** The elements in the file's order, from those in the graph's. */
  toFile(bytes: Uint8Array, stored: readonly number[], elementBytes: number): Uint8Array;
}

export const AS_STORED: WeightLayout = {
  dims: (stored) => stored,
  storedDims: (dims) => dims,
  order: (rank) => Array.from({ length: rank }, (_, axis) => axis),
  toGraph: (bytes) => bytes,
  toFile: (bytes) => bytes,
};

/** Axis i in the graph is axis order[i] of the file; neighbouring axes may then be joined. */
export function permuted(
  order: readonly number[],
  join?: (dims: readonly number[]) => readonly number[],
): WeightLayout {
  const moved = (stored: readonly number[]) => order.map((axis) => stored[axis] ?? 1);
  const inverse = order.map((_, axis) => order.indexOf(axis));
  return {
    dims: (stored) => join?.(moved(stored)) ?? moved(stored),
    storedDims: (dims) =>
      join === undefined && dims.length === order.length
        ? inverse.map((axis) => dims[axis] ?? 1)
        : undefined,
    order: () => order,
    toGraph: (bytes, stored, size) => transposeBytes(bytes, stored, order, size),
    toFile: (bytes, stored, size) => transposeBytes(bytes, moved(stored), inverse, size),
  };
}

/** The same elements under other sizes. */
export function reshaped(dims: (stored: readonly number[]) => readonly number[]): WeightLayout {
  return { ...AS_STORED, dims, storedDims: () => undefined };
}

/** A weight of the file as the graph's initializer; the elements are moved when they are read. */
export function graphTensor(name: string, stored: Tensor, layout: WeightLayout): Tensor {
  if (layout === AS_STORED && name === stored.name) return stored;
  const { byteLength } = stored.data;
  let moved: Uint8Array | undefined;
  const read = () => {
    moved ??= layout.toGraph(stored.data.read(), stored.dims, elementBytes(stored));
    return moved;
  };
  const data = { encoding: "memory", byteLength, read } as const;
  return { name, dims: layout.dims(stored.dims), dataType: stored.dataType, data };
}

/** The elements of a graph's tensor as the file has them. */
export function fileBytes(
  tensor: Tensor,
  storedDims: readonly number[],
  layout: WeightLayout,
): Uint8Array {
  return layout.toFile(tensor.data.read(), storedDims, elementBytes(tensor));
}

export function sameSizes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

export function weightByteLength(dims: readonly number[], dataType: number): number {
  return (elementCount(dims) * (elementBits(dataType) ?? 0)) / 8;
}

function elementBytes(tensor: Tensor): number {
  return (elementBits(tensor.dataType) ?? 8) / 8;
}
