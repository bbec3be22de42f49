import type { Graph } from "../../graph/graph.ts";
import type { Hdf5Group } from "../hdf5/tree.ts";
import type { LayersSource } from "../layers/layers-source.ts";

/** What the writer needs to write the same file again, and the way back from nodes to layers. */
export interface KerasH5Source extends LayersSource {
  readonly format: "keras-h5";
  /** The whole file. */
  readonly file: Uint8Array;
  readonly root: Hdf5Group;
  /** The text of the attribute model_config. */
  readonly text: string;
  /** Names of the weights in the group of their top layer, by the names of the tensors read from them. */
  readonly places: ReadonlyMap<string, WeightPlaceH5>;
}

/** A weight of model_weights/LAYER, whose attribute weight_names lists it. */
export interface WeightPlaceH5 {
  readonly layer: string;
  /** Also the dataset's path in the layer's group. */
  readonly name: string;
}

export function kerasH5Source(graph: Graph): KerasH5Source | undefined {
  return graph.source.format === "keras-h5" ? (graph.source as KerasH5Source) : undefined;
}
