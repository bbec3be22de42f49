import type { Node } from "./graph.ts";
import { withNote } from "./node-role.ts";

const KEY = "normlens.trainable";

/**
 * The node of a layer that its file calls not trainable, which the metadata keeps: its weights and
 * statistics stay while the rest is trained.
 */
export function withoutTraining(node: Node): Node {
  return withNote(node, KEY, "false");
}

export function isTrainable(node: Node): boolean {
  return !node.metadataProps.some(({ key, value }) => key === KEY && value === "false");
}
