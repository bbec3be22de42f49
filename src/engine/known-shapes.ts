import type { KnownShapes } from "../formats/layers/from-graph/node-call.ts";
import type { Graph } from "../graph/graph.ts";
import { inferTypes } from "../operators/infer-shapes.ts";

/** Shapes as the operators' rules infer them, for what writes layers. */
export function knownShapes(graph: Graph): KnownShapes {
  const inference = inferTypes(graph, new Map());
  return {
    shape: (value) => inference.type(value)?.shape,
    elements: (value) => inference.elements(value),
  };
}
