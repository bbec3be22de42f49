import { opaqueNodes } from "../graph/opaque-node.ts";
import type { FindingRule } from "./finding-rule.ts";

/** Each layer that is shown and written back as it is, because it cannot be computed here. */
export const keptLayer: FindingRule = {
  id: "kept-layer",
  find: (graph) =>
    opaqueNodes(graph).map(({ node, reason }) => ({
      rule: "kept-layer",
      severity: "information",
      node: node.name,
      message: `Layer ${node.name} of class ${node.opType} is kept as it is and not computed: ${reason}. The model cannot be run or trained here; what surrounds the layer can be changed.`,
      help: "docs/techniques/findings.md#kept-layer",
    })),
};
