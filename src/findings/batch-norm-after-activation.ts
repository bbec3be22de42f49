import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { activationFamily } from "../operators/nonlinearities.ts";
import { isBatchNormalization } from "../passes/batch-normalization.ts";
import { siteId } from "../passes/pass.ts";
import { nodeLabel } from "../passes/refusal.ts";
import type { FindingRule } from "./finding-rule.ts";

/** What may stand between the nonlinearity and the BatchNorm without making it another place. */
const PASSED: ReadonlySet<string> = new Set([
  ..."Identity Cast Dropout Reshape Flatten Squeeze Unsqueeze Transpose".split(" "),
  ..."MaxPool AveragePool GlobalAveragePool GlobalMaxPool".split(" "),
]);

/** Nodes that are passed before the place is none. */
const MOST_NODES = 8;

/** Each BatchNorm that normalizes what a nonlinearity gives. For information: both orders are used. */
export const batchNormAfterActivation: FindingRule = {
  id: "batch-norm-after-activation",
  find: (graph) =>
    graph.nodes.filter(isBatchNormalization).flatMap((node) => {
      const nonlinearity = nonlinearityBefore(graph, node);
      if (nonlinearity === undefined) return [];
      return [
        {
          rule: "batch-norm-after-activation",
          severity: "information",
          node: siteId(node),
          message: `${siteId(node)} normalizes what ${nodeLabel(nonlinearity)} gives, where the paper normalizes what enters the nonlinearity. Both are used; this one keeps the mean and variance of the next layer's input, and does not fold into the layer before.`,
          help: "docs/techniques/findings.md#batch-norm-after-activation",
        },
      ];
    }),
};

function nonlinearityBefore(graph: Graph, batchNorm: Node): Node | undefined {
  const index = indexOf(graph);
  let node = index.producer(batchNorm.input[0] ?? "");
  for (let passed = 0; node !== undefined && passed <= MOST_NODES; passed++) {
    if (activationFamily(node) !== undefined) return node;
    if (!isStandardDomain(node.domain) || !PASSED.has(node.opType)) return undefined;
    node = index.producer(node.input[0] ?? "");
  }
  return undefined;
}
