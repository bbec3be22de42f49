import type { Finding } from "../protocol/reports.ts";
import type { BatchNormalization } from "./batch-normalization.ts";
import { siteId } from "./pass.ts";

/**
 * 1/√(σ² + ε) above this is a channel that was all but constant while training: a deviation of one
 * per mille of the input's usual scale becomes larger than one. ε = 1e-5 alone gives at most 316.
 */
const LARGE_AMPLIFICATION = 100;

/**
 * |γ| below this share of the node's largest leaves the channel's output at β: it can be pruned.
 * Below float32's resolution of the other channels it is as good as zero.
 */
const NEGLIGIBLE_GAMMA = 2 ** -20;

/** Most channels a sentence names before it only counts the rest. */
const NAMED_CHANNELS = 5;

/** Remarks on channels whose numbers are valid but unusual. */
export function channelFindings(batchNorm: BatchNormalization): Finding[] {
  return [amplification(batchNorm), prunable(batchNorm)].filter((finding) => finding !== undefined);
}

function amplification({ node, variance, epsilon }: BatchNormalization): Finding | undefined {
  const factors = variance.map((value) => 1 / Math.sqrt(value + epsilon));
  const large = indicesWhere(factors, (factor) => factor > LARGE_AMPLIFICATION);
  if (large.length === 0) return undefined;
  const worst = large.reduce((a, b) => ((factors[b] as number) > (factors[a] as number) ? b : a));
  const factor = (factors[worst] as number).toPrecision(3);
  return {
    rule: "near-zero-variance",
    severity: "warning",
    node: siteId(node),
    message:
      `The running variance of ${siteId(node)} is near zero in ${channels(large)}: ` +
      `channel ${worst} amplifies its input ${factor} times (variance ${(variance[worst] as number).toPrecision(3)}, epsilon ${epsilon.toPrecision(3)}).`,
  };
}

function prunable({ node, gamma }: BatchNormalization): Finding | undefined {
  const largest = gamma.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const idle = indicesWhere(gamma, (value) => Math.abs(value) <= largest * NEGLIGIBLE_GAMMA);
  if (idle.length === 0) return undefined;
  const message = `The scale of ${siteId(node)} is zero or negligible in ${channels(idle)}, so the output there is constant and can be pruned.`;
  return { rule: "prunable-channel", severity: "information", node: siteId(node), message };
}

function indicesWhere(values: Float64Array, holds: (value: number) => boolean): number[] {
  const indices: number[] = [];
  for (const [index, value] of values.entries()) if (holds(value)) indices.push(index);
  return indices;
}

function channels(list: readonly number[]): string {
  if (list.length === 1) return `channel ${list[0]}`;
  const named = list.slice(0, NAMED_CHANNELS).join(", ");
  const rest = list.length - NAMED_CHANNELS;
  return rest > 0 ? `channels ${named} and ${rest} more` : `channels ${named}`;
}
