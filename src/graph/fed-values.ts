import type { Graph } from "./graph.ts";

const known = new WeakMap<Graph, ReadonlySet<string>>();

/**
 * Values that depend on what the caller feeds. All others are the same at every run: weights, and
 * what operators make of weights alone, such as the g·v/‖v‖ of weight normalization.
 */
export function fedValues(graph: Graph): ReadonlySet<string> {
  let fed = known.get(graph);
  if (fed === undefined) {
    fed = collect(graph);
    known.set(graph, fed);
  }
  return fed;
}

function collect(graph: Graph): ReadonlySet<string> {
  const fed = new Set(
    graph.inputs.map((input) => input.name).filter((name) => !graph.initializers.has(name)),
  );
  for (const node of graph.nodes) {
    const isFed = node.input.some((value) => fed.has(value));
    if (isFed) for (const output of node.output) fed.add(output);
  }
  return fed;
}
