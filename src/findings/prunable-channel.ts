import type { BatchNormalization } from "../passes/batch-normalization.ts";
import { siteId } from "../passes/pass.ts";
import type { Finding } from "../protocol/reports.ts";
import { examinedBatchNorms } from "./batch-norms.ts";
import { channelsText, channelsWhere } from "./channels.ts";
import type { FindingRule } from "./finding-rule.ts";

/**
 * |γ| below this share of the node's largest leaves the channel's output at β: it can be pruned.
 * Below float32's resolution of the other channels it is as good as zero.
 */
const NEGLIGIBLE_GAMMA = 2 ** -20;

export const prunableChannel: FindingRule = {
  id: "prunable-channel",
  find: (graph) =>
    examinedBatchNorms(graph).flatMap(({ batchNorm, problem }) =>
      problem === undefined ? prunable(batchNorm) : [],
    ),
};

function prunable({ node, gamma }: BatchNormalization): Finding[] {
  const largest = gamma.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const idle = channelsWhere(gamma, (value) => Math.abs(value) <= largest * NEGLIGIBLE_GAMMA);
  if (idle.length === 0) return [];
  return [
    {
      rule: "prunable-channel",
      severity: "information",
      node: siteId(node),
      message: `The scale of ${siteId(node)} is zero or negligible in ${channelsText(idle)}, so the output there is constant and can be pruned.`,
      help: "docs/techniques/findings.md#prunable-channel",
    },
  ];
}
