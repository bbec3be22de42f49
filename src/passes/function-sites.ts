import type { Graph } from "../graph/graph.ts";
import { isBatchNormalization } from "./batch-normalization.ts";
import { type Site, siteId } from "./pass.ts";

/**
 * The BatchNorms inside local functions. A function may be called from many places with other
 * parameters at each, so its body is left as it is.
 */
export function functionSites(graph: Graph): readonly Site[] {
  return graph.functions.flatMap((definition) =>
    definition.node.filter(isBatchNormalization).map((node): Site => {
      const id = `${definition.name}/${siteId(node)}`;
      const reason = `It is inside the local function ${definition.name}, whose parameters are known only where it is called: inline the function first.`;
      return { node, id, applicable: false, reason };
    }),
  );
}
