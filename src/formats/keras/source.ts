import type { Graph } from "../../graph/graph.ts";
import type { Hdf5Group } from "../hdf5/tree.ts";
import type { LayersSource } from "../layers/layers-source.ts";

/** What the writer needs to write the same archive again, and the way back from nodes to layers. */
export interface KerasSource extends LayersSource {
  readonly format: "keras";
  /** The whole archive. */
  readonly archive: Uint8Array;
  /** The text of config.json. */
  readonly text: string;
  /** What model.weights.h5 holds. */
  readonly weights: Hdf5Group;
  /** Paths of the weights' datasets, by the names of the tensors read from them. */
  readonly places: ReadonlyMap<string, readonly string[]>;
}

export function kerasSource(graph: Graph): KerasSource | undefined {
  return graph.source.format === "keras" ? (graph.source as KerasSource) : undefined;
}
