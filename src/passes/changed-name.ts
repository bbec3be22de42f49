import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf, type Use } from "../graph/index.ts";

/**
 * The name for a tensor that some readers are to read changed: its own where there are no others, so
 * that the initializer is overwritten; else a fresh one, and the others keep the original.
 */
export function changedName(
  graph: Graph,
  value: string,
  readers: readonly { readonly node: Node; readonly input: number }[],
  { builder, ending }: { readonly builder: GraphBuilder; readonly ending: string },
): string {
  const index = indexOf(graph);
  const reads = (use: Use) =>
    readers.some(({ node, input }) => node === use.node && input === use.input);
  const own =
    graph.initializers.has(value) &&
    !index.readByBody(value) &&
    !index.isOutput(value) &&
    index.uses(value).every(reads);
  return own ? value : builder.freshName(`${value}_${ending}`);
}
