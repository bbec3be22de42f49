import type { Graph } from "../../graph/graph.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { OpenInput } from "./trial-inputs.ts";

/** How much is tried; a certificate takes a fraction of a second to a few seconds. */
export interface Effort {
  /** Sizes to try for an open batch. */
  readonly batchSizes: readonly number[];
  /** Moved copies of the original. Few elements need many draws, large tensors are many draws. */
  readonly draws: number;
  /**
   * Whether rounding is measured on every trial. Otherwise it is on one that varies and one that is
   * constant, the others are held against those, and are measured only where they are in doubt.
   */
  readonly measuresAll: boolean;
  /** Trials on which sites are compared; outputs are on all of them. */
  readonly siteTrials: number;
  /** Threads of a run: a small model only waits for a second one. */
  readonly threads: number | undefined;
}

const SMALL: Effort = {
  batchSizes: [4, 1],
  draws: 6,
  measuresAll: true,
  siteTrials: 6,
  threads: 1,
};
const MEDIUM: Effort = { ...SMALL, draws: 3, siteTrials: 3, threads: undefined };
const LARGE: Effort = {
  batchSizes: [1, 2],
  draws: 1,
  measuresAll: false,
  siteTrials: 2,
  threads: undefined,
};

/** An image has thousands of positions, each of which is a trial of its own for a convolution. */
const LARGE_INPUT: Effort = { ...LARGE, siteTrials: 1 };

const MEDIUM_WEIGHT_BYTES = 2 ** 18;
const LARGE_WEIGHT_BYTES = 2 ** 23;
const LARGE_INPUT_ELEMENTS = 50_000;

export function effortFor(graph: Graph, inputs: readonly OpenInput[]): Effort {
  let bytes = 0;
  for (const tensor of graph.initializers.values()) bytes += tensor.data.byteLength;
  const sizes = inputs.map((input) =>
    elementCount(input.sizes.map((size) => (typeof size === "number" ? size : 1))),
  );
  if (sizes.some((size) => size > LARGE_INPUT_ELEMENTS)) return LARGE_INPUT;
  if (bytes > LARGE_WEIGHT_BYTES) return LARGE;
  return bytes > MEDIUM_WEIGHT_BYTES ? MEDIUM : SMALL;
}
