import type { GraphBuilder } from "../../graph/builder.ts";
import type { Graph, ValueInfo } from "../../graph/graph.ts";

/** The nodes and initializers that outputs need, in their order. */
export function reachable(
  builder: GraphBuilder,
  outputs: readonly ValueInfo[],
): Pick<Graph, "nodes" | "initializers"> {
  const needed = new Set(outputs.map(({ name }) => name));
  // Each node stands behind what it reads, so that one walk from the end meets readers first.
  const kept = [...builder.nodes].reverse().filter((node) => {
    if (!node.output.some((output) => needed.has(output))) return false;
    for (const input of node.input) needed.add(input);
    return true;
  });
  return {
    nodes: kept.reverse(),
    initializers: new Map([...builder.initializers].filter(([name]) => needed.has(name))),
  };
}
