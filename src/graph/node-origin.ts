import { changeNode } from "./edit.ts";
import type { Node } from "./graph.ts";
import { withNote } from "./node-role.ts";

/**
 * Where a node of a model made of layers came from, so that it can be written back there. It is kept
 * in the node's metadata, which edits carry along and ONNX files keep.
 */
export interface NodeOrigin {
  /** The layer's name, with those of the models it lies in: "encoder/conv1". */
  readonly layer: string;
  /** Which call of the layer, counted from 0; a shared layer has several. */
  readonly call: number;
  /** Which of the layer's nodes: "main", "activation", … */
  readonly part: string;
}

const LAYER_KEY = "normlens.layer";
const PART_KEY = "normlens.part";

/** Undefined for a node that no layer made; anything may stand in a file. */
export function nodeOrigin(node: Node): NodeOrigin | undefined {
  const note = (key: string) => node.metadataProps.find((entry) => entry.key === key)?.value;
  const layer = note(LAYER_KEY);
  const match = /^(\d{1,6}):(.*)$/.exec(note(PART_KEY) ?? "");
  if (layer === undefined || match === null) return undefined;
  return { layer, call: Number(match[1]), part: match[2] ?? "" };
}

export function withOrigin(node: Node, { layer, call, part }: NodeOrigin): Node {
  return withNote(withNote(node, LAYER_KEY, layer), PART_KEY, `${call}:${part}`);
}

/** The node for a file of another format, where no layer is left that it could go back to. */
export function withoutOrigin(node: Node): Node {
  const isOrigin = ({ key }: { readonly key: string }) => key === LAYER_KEY || key === PART_KEY;
  if (!node.metadataProps.some(isOrigin)) return node;
  const metadataProps = node.metadataProps.filter((entry) => !isOrigin(entry));
  return changeNode(node, { metadataProps });
}
