import type { Node } from "../graph/graph.ts";
import { batchNormToAffine } from "../passes/batch-norm-to-affine.ts";
import { isBatchNormalization } from "../passes/batch-normalization.ts";
import { foldBatchNorm } from "../passes/fold-batch-norm.ts";
import { switchToInference } from "../passes/switch-to-inference.ts";
import type { Finding } from "../protocol/reports.ts";
import type { FindingRule } from "./finding-rule.ts";

/**
 * One remark a BatchNorm: how it folds, or why not and what can be done instead. Arithmetic is
 * remarked on only where it folds; nobody misses a fold of an Add that stays. A BatchNorm that
 * trains has its own rule.
 */
export const foldBatchNormFindings: FindingRule = {
  id: foldBatchNorm.id,
  find: (graph) => {
    const training = new Set(switchToInference.find(graph, {}).map(({ node }) => node));
    const rewritten = new Map<Node, Finding["fix"]>();
    for (const site of batchNormToAffine.find(graph, {})) {
      if (!site.applicable) continue;
      const fix = { title: site.title, pass: batchNormToAffine.id, site: site.id };
      rewritten.set(site.node, fix);
    }
    const sites = foldBatchNorm
      .find(graph, {})
      .filter((site) => site.applicable || isBatchNormalization(site.node))
      .filter((site) => !training.has(site.node));
    return sites.map((site): Finding => {
      const about = {
        rule: foldBatchNorm.id,
        severity: "information",
        node: site.id,
        help: "docs/folding.md#what-folds",
      } as const;
      if (site.applicable) {
        const fix = { title: site.title, pass: foldBatchNorm.id, site: site.id };
        return { ...about, message: `${site.id} can be folded into ${site.into}.`, fix };
      }
      const message = `${site.id} is not folded. ${site.reason}`;
      const fix = rewritten.get(site.node);
      return { ...about, message, reason: site.reason, ...(fix === undefined ? {} : { fix }) };
    });
  },
};
