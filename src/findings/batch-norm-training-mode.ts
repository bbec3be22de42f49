import { switchToInference } from "../passes/switch-to-inference.ts";
import type { FindingRule } from "./finding-rule.ts";

/** Each BatchNorm that normalizes with the statistics of the batch it is given. */
export const batchNormTrainingMode: FindingRule = {
  id: "batch-norm-training-mode",
  find: (graph) =>
    switchToInference.find(graph, {}).map((site) => ({
      rule: "batch-norm-training-mode",
      severity: "warning",
      node: site.id,
      message: `${site.id} is in training mode: the result of a sample depends on the other samples of its batch. At inference it should use its running mean and variance.`,
      help: "docs/techniques/findings.md#batch-norm-training-mode",
      ...(site.applicable
        ? { fix: { title: site.title, pass: switchToInference.id, site: site.id } }
        : { reason: site.reason }),
    })),
};
