import { channelsFirstOrder, channelsLastOrder } from "../layers/layer-value.ts";
import { AS_STORED, permuted, type WeightLayout } from "../layers/weight-layout.ts";

/** A layout from which the file's sizes can be told when an edit changed the graph's. */
export interface ConstantLayout extends WeightLayout {
  /** Equal keys stand for the same layout. */
  readonly key: string;
  /**
   * Sizes in the file for the given ones in the graph.
   *
   * @param before sizes in the file before the edit.
   */
  resizedDims(graph: readonly number[], before: readonly number[]): readonly number[];
}

export const AS_IN_FILE: ConstantLayout = {
  ...AS_STORED,
  key: "",
  resizedDims: (graph) => graph,
};

/** (h, w, in, out) as ONNX has it, (out, in, h, w). */
export const KERNEL: ConstantLayout = {
  ...permuted([3, 2, 0, 1]),
  key: "kernel",
  resizedDims: ([out = 1, input = 1, ...window]) => [...window, input, out],
};

/** (h, w, C, m) as the kernel of a convolution in C groups, (C·m, 1, h, w). */
export const DEPTHWISE_KERNEL: ConstantLayout = {
  ...permuted([2, 3, 0, 1], ([channels = 1, multiplier = 1, ...window]) => [
    channels * multiplier,
    1,
    ...window,
  ]),
  key: "depthwise",
  resizedDims: ([outputs = 1, , ...window], [, , , multiplier = 1]) => [
    ...window,
    outputs / multiplier,
    multiplier,
  ],
};

/** The last two axes of a matrix, or of a stack of them, exchanged. */
export function transposedMatrix(rank: number): ConstantLayout {
  const order = Array.from({ length: rank }, (_, axis) => axis);
  order.splice(rank - 2, 2, rank - 1, rank - 2);
  return {
    ...permuted(order),
    key: `transposed${rank}`,
    resizedDims: (graph) => order.map((axis) => graph[axis] ?? 1),
  };
}

/** A list of one number a channel, whichever axes of size 1 stand around it in the file. */
export const CHANNEL_LIST: ConstantLayout = {
  ...AS_STORED,
  dims: (stored) => [stored.reduce((product, size) => product * size, 1)],
  storedDims: () => undefined,
  key: "channels",
  resizedDims: ([channels = 1], before) => [...before.slice(0, -1), channels],
};

/**
 * A constant that meets a value of the given number of axes whose last one lies as axis 1. Shapes meet
 * from the right, so that (C) becomes (C, 1, 1) for four axes.
 */
export function movedOperand(rank: number): ConstantLayout {
  const order = channelsFirstOrder(rank);
  const padded = (dims: readonly number[]) => [
    ...new Array<number>(rank - dims.length).fill(1),
    ...dims,
  ];
  const layout = permuted(order);
  const back = channelsLastOrder(rank);
  return {
    key: `moved${rank}`,
    storedDims: () => undefined,
    dims: (stored) => {
      const dims = layout.dims(padded(stored));
      return stored.length === rank ? dims : withoutLeadingOnes(dims, 0);
    },
    toGraph: (bytes, stored, size) => layout.toGraph(bytes, padded(stored), size),
    toFile: (bytes, stored, size) => layout.toFile(bytes, padded(stored), size),
    resizedDims: (graph, before) => {
      const full = padded(graph);
      const dims = back.map((axis) => full[axis] ?? 1);
      return withoutLeadingOnes(dims, before.length);
    },
  };
}

function withoutLeadingOnes(dims: readonly number[], least: number): number[] {
  const rest = [...dims];
  while (rest.length > least && rest[0] === 1) rest.shift();
  return rest;
}
