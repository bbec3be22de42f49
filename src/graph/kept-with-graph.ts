import type { Graph } from "./graph.ts";

/** The same function, which computes once a graph. Graphs are immutable, so that is enough. */
export function keptWithGraph<Value extends object>(
  compute: (graph: Graph) => Value,
): (graph: Graph) => Value {
  const known = new WeakMap<Graph, Value>();
  return (graph) => {
    let value = known.get(graph);
    if (value === undefined) {
      value = compute(graph);
      known.set(graph, value);
    }
    return value;
  };
}
