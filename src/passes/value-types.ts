import type { Graph } from "../graph/graph.ts";
import { inferShapes } from "../operators/infer-shapes.ts";
import type { ValueType } from "../operators/operator.ts";

const known = new WeakMap<Graph, ReadonlyMap<string, ValueType>>();

/** Types and shapes of a graph's values, inferred once a graph and only where a pattern asks. */
export function valueTypes(graph: Graph): ReadonlyMap<string, ValueType> {
  let types = known.get(graph);
  if (types === undefined) {
    types = inferShapes(graph);
    known.set(graph, types);
  }
  return types;
}

export function rankOf(graph: Graph, value: string): number | undefined {
  return valueTypes(graph).get(value)?.shape.length;
}
