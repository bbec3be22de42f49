import type { Graph, GraphSource, Node, ValueInfo } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Encoded } from "./wire.ts";

/** An element of the graph that the reader took apart; anything else is carried as bytes. */
export type GraphElement =
  | { readonly kind: "node"; readonly value: Node }
  | { readonly kind: "initializer"; readonly value: Tensor }
  | { readonly kind: "input" | "output" | "valueInfo"; readonly value: ValueInfo };

export type ElementKind = GraphElement["kind"];

/** A field occurrence in the order of the file. */
export type Slot = GraphElement | { readonly kind: "bytes"; readonly bytes: Uint8Array };

/**
 * What the ONNX writer needs to write everything it does not change byte for byte: the file's
 * fields in their order, and the encoded bytes of each element by object identity.
 */
export interface OnnxSource extends GraphSource {
  readonly format: "onnx";
  /** Absolute path of the file; undefined for bytes in memory. */
  readonly file: string | undefined;
  /** Size of the file in bytes, without external data. */
  readonly fileBytes: number;
  readonly externalBytes: number;
  /** Model-level fields around the graph. */
  readonly before: readonly Uint8Array[];
  readonly after: readonly Uint8Array[];
  /** The entries of metadata_props among them, by key, with their values. */
  readonly metadata: ReadonlyMap<string, { readonly value: string; readonly bytes: Uint8Array }>;
  readonly slots: readonly Slot[];
  readonly encoded: ReadonlyMap<object, Encoded>;
}

export function onnxSource(graph: Graph): OnnxSource | undefined {
  return graph.source.format === "onnx" ? (graph.source as OnnxSource) : undefined;
}
