import type { Graph, GraphSource } from "../../graph/graph.ts";
import type { JsonObject } from "../layers/json.ts";
import type { ModelConfig } from "../layers/model-config.ts";
import type { LayerRecord } from "../layers/read-layers.ts";
import type { LoadedGroup } from "./shards.ts";

/** What the writer needs to write the same files again, and the way back from nodes to layers. */
export interface TfjsSource extends GraphSource {
  readonly format: "tfjs";
  /** The bytes of model.json. */
  readonly text: Uint8Array;
  readonly document: JsonObject;
  readonly model: ModelConfig;
  readonly groups: readonly LoadedGroup[];
  readonly records: ReadonlyMap<string, LayerRecord>;
  /** The graph as it was read; what is the same object in an edited one is unchanged. */
  readonly read: Graph;
  /** model.json and the files of weights, in bytes. */
  readonly totalBytes: number;
}

export function tfjsSource(graph: Graph): TfjsSource | undefined {
  return graph.source.format === "tfjs" ? (graph.source as TfjsSource) : undefined;
}
