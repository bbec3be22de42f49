import type { Graph } from "../../graph/graph.ts";
import type { JsonObject } from "../layers/json.ts";
import type { LayersSource } from "../layers/layers-source.ts";
import type { LoadedGroup } from "./shards.ts";

/** What the writer needs to write the same files again, and the way back from nodes to layers. */
export interface TfjsSource extends LayersSource {
  readonly format: "tfjs";
  /** The bytes of model.json. */
  readonly text: Uint8Array;
  readonly document: JsonObject;
  readonly groups: readonly LoadedGroup[];
}

export function tfjsSource(graph: Graph): TfjsSource | undefined {
  return graph.source.format === "tfjs" ? (graph.source as TfjsSource) : undefined;
}
