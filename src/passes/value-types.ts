import type { Graph } from "../graph/graph.ts";
import { keptWithGraph } from "../graph/kept-with-graph.ts";
import { inferShapes } from "../operators/infer-shapes.ts";
import type { ValueType } from "../operators/operator.ts";

/** Types and shapes of a graph's values, inferred once a graph and only where somebody asks. */
export const valueTypes = keptWithGraph(
  (graph): ReadonlyMap<string, ValueType> => inferShapes(graph),
);

export function rankOf(graph: Graph, value: string): number | undefined {
  return valueTypes(graph).get(value)?.shape.length;
}
