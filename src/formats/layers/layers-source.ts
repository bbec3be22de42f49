import type { Graph, GraphSource } from "../../graph/graph.ts";
import type { ModelConfig } from "./model-config.ts";
import type { LayerRecord } from "./read-layers.ts";

/** What every format of layers keeps of the model it read. */
export interface LayersSource extends GraphSource {
  readonly layersOnly: true;
  readonly model: ModelConfig;
  readonly records: ReadonlyMap<string, LayerRecord>;
  /** The graph as it was read; what is the same object in an edited one is unchanged. */
  readonly read: Graph;
  /** All files of the model, in bytes. */
  readonly totalBytes: number;
}

const FORMATS: ReadonlySet<string> = new Set(["tfjs", "keras", "keras-h5"]);

/** Undefined for a graph that was not made of layers. */
export function layersSource(graph: Graph): LayersSource | undefined {
  return FORMATS.has(graph.source.format) ? (graph.source as LayersSource) : undefined;
}
