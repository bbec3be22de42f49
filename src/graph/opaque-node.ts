import { stringAttribute } from "./attributes.ts";
import type { Graph, Node } from "./graph.ts";
import { InputError } from "./input-error.ts";

/** Layers of Keras that are kept as they are, one operator a class. */
export const OPAQUE_DOMAIN = "keras.layers";

/** A layer that is kept and not computed, and why, as a clause. */
export interface OpaqueNode {
  readonly node: Node;
  readonly reason: string;
}

export function opaqueNodes(graph: Graph): OpaqueNode[] {
  return graph.nodes
    .filter(({ domain }) => domain === OPAQUE_DOMAIN)
    .map((node) => ({
      node,
      reason: stringAttribute(node, "reason", "NormLens cannot compute it"),
    }));
}

/** @throws InputError naming the first layer that is kept and not computed. */
export function requireComputed(graph: Graph): void {
  const [first, ...others] = opaqueNodes(graph);
  if (first === undefined) return;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  throw new InputError(`layer ${first.node.name}${more} is kept but not computed: ${first.reason}`);
}
