import type { BatchNormalization } from "../passes/batch-normalization.ts";
import { siteId } from "../passes/pass.ts";
import type { Finding } from "../protocol/reports.ts";
import { examinedBatchNorms } from "./batch-norms.ts";
import { channelsText, channelsWhere } from "./channels.ts";
import type { FindingRule } from "./finding-rule.ts";

/**
 * 1/√(σ² + ε) above this is a channel that was all but constant while training: a deviation of one
 * per mille of the input's usual scale becomes larger than one. ε = 1e-5 alone gives at most 316.
 */
const LARGE_AMPLIFICATION = 100;

export const nearZeroVariance: FindingRule = {
  id: "near-zero-variance",
  find: (graph) =>
    examinedBatchNorms(graph).flatMap(({ batchNorm, problem }) =>
      problem === undefined ? amplification(batchNorm) : [],
    ),
};

function amplification({ node, variance, epsilon }: BatchNormalization): Finding[] {
  const factors = variance.map((value) => 1 / Math.sqrt(value + epsilon));
  const large = channelsWhere(factors, (factor) => factor > LARGE_AMPLIFICATION);
  if (large.length === 0) return [];
  const worst = large.reduce((a, b) => ((factors[b] as number) > (factors[a] as number) ? b : a));
  const factor = (factors[worst] as number).toPrecision(3);
  const message =
    `The running variance of ${siteId(node)} is near zero in ${channelsText(large)}: ` +
    `channel ${worst} amplifies its input ${factor} times (variance ${(variance[worst] as number).toPrecision(3)}, epsilon ${epsilon.toPrecision(3)}).`;
  return [
    {
      rule: "near-zero-variance",
      severity: "warning",
      node: siteId(node),
      message,
      help: "docs/techniques/findings.md#near-zero-variance",
    },
  ];
}
