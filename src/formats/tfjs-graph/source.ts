import type { Graph, GraphSource } from "../../graph/graph.ts";
import type { JsonObject } from "../layers/json.ts";
import type { LoadedGroup } from "../tfjs/shards.ts";
import type { Dilation } from "./dilation.ts";
import type { GraphDef } from "./graph-def.ts";
import type { Signature } from "./signature.ts";
import type { ConstantPlace, TensorValue } from "./tensor-value.ts";

/** What the writer needs to write the same files again, and the way back from nodes to the file's. */
export interface TfjsGraphSource extends GraphSource {
  readonly format: "tfjs-graph";
  /** The bytes of model.json. */
  readonly text: Uint8Array;
  readonly document: JsonObject;
  readonly groups: readonly LoadedGroup[];
  readonly definition: GraphDef;
  readonly signature: Signature;
  /** The graph as it was read. */
  readonly read: Graph;
  /** What each result of the file's nodes became, by "node" or "node:output". */
  readonly values: ReadonlyMap<string, TensorValue>;
  readonly places: readonly ConstantPlace[];
  /** Convolutions that two nodes of the file around them dilate, by name. */
  readonly dilations: ReadonlyMap<string, Dilation>;
  /** model.json and the files of weights, in bytes. */
  readonly totalBytes: number;
}

export function tfjsGraphSource(graph: Graph): TfjsGraphSource | undefined {
  return graph.source.format === "tfjs-graph" ? (graph.source as TfjsGraphSource) : undefined;
}
