import type { Graph, Node } from "../../../graph/graph.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import type { Json } from "../json.ts";

/** A layer that an edit put into the model, before it has a name. */
export interface LayerContent {
  readonly className: string;
  /** The fields of its config without those that every layer has. */
  readonly config: Readonly<Record<string, Json>>;
  /** Its weights as the file has them, in the layer's own order. */
  readonly weights: readonly { readonly name: string; readonly tensor: Tensor }[];
}

/** Where the node of a new layer stands. */
export interface InsertedNode {
  readonly graph: Graph;
  readonly node: Node;
  /** Axes of the value that it reads. */
  readonly rank: number;
  /** The value has the file's last axis, the channels, as axis 1. */
  readonly moved: boolean;
}

/** How a node that no layer made is written as a layer. One kind of node a file. */
export interface InsertedLayerRule {
  readonly opType: string;
  /** @throws InputError for a node that no config can say. */
  layer(inserted: InsertedNode): LayerContent;
}
