import type { Graph, Node } from "../graph/graph.ts";
import { isBatchNormalization } from "../passes/batch-normalization.ts";
import { dropRatio, isDropout } from "../passes/dropout.ts";
import { siteId } from "../passes/pass.ts";
import { recalibrateBatchNorm } from "../passes/recalibrate-batch-norm.ts";
import type { Finding } from "../protocol/reports.ts";
import type { FindingRule } from "./finding-rule.ts";

/** They take the statistics of each sample itself, at inference too, so that no shift gets past them. */
const PER_SAMPLE: ReadonlySet<string> = new Set([
  ..."LayerNormalization InstanceNormalization GroupNormalization".split(" "),
  ..."RMSNormalization LpNormalization".split(" "),
]);

/**
 * Variance shift: inverted dropout keeps the mean of x and adds to its variance while training,
 *
 *   Var[x·m/(1 − p)] = Var[x] + p/(1 − p)·E[x²],   m ~ Bernoulli(1 − p),
 *
 * and nothing at inference, so a BatchNorm behind it, next or after other layers, has a running
 * variance that is too large. Source: Li et al., "Understanding the Disharmony between Dropout and
 * Batch Normalization by Variance Shift", 2018, section 3.
 */
export const dropoutBeforeBatchNorm: FindingRule = {
  id: "dropout-before-batch-norm",
  find: (graph) => {
    const shifted = firstBehindDropout(graph);
    if (shifted.length === 0) return [];
    const titles = new Map(
      recalibrateBatchNorm
        .find(graph, {})
        .flatMap((site) => (site.applicable ? [[site.node, site.title] as const] : [])),
    );
    return shifted.map(({ batchNorm, dropout, ratio }): Finding => {
      const node = siteId(batchNorm);
      const title = titles.get(batchNorm);
      const added = (ratio / (1 - ratio)).toPrecision(3);
      return {
        rule: "dropout-before-batch-norm",
        severity: "warning",
        node,
        message: `${node} is behind Dropout ${siteId(dropout)}, which adds ${added}·E[x²] to the variance of x while training and nothing at inference, so the running variance is too large (variance shift). Put the Dropout behind the last BatchNorm, or measure the statistics anew.`,
        help: "docs/techniques/findings.md#dropout-before-batch-norm",
        ...(title === undefined
          ? {}
          : { fix: { title, pass: recalibrateBatchNorm.id, site: node } }),
      };
    });
  },
};

interface Shifted {
  readonly batchNorm: Node;
  readonly dropout: Node;
  readonly ratio: number;
}

/** The first BatchNorms that each Dropout reaches, by one walk in node order. */
function firstBehindDropout(graph: Graph): Shifted[] {
  const shifts = new Map<string, { readonly dropout: Node; readonly ratio: number }>();
  const found: Shifted[] = [];
  for (const node of graph.nodes) {
    const value = node.input.find((input) => shifts.has(input));
    const passed = value === undefined ? undefined : shifts.get(value);
    if (isBatchNormalization(node)) {
      const shift = shifts.get(node.input[0] ?? "");
      if (shift !== undefined) found.push({ batchNorm: node, ...shift });
      continue;
    }
    const ratio = isDropout(node) ? dropRatio(graph, node) : undefined;
    const own = typeof ratio === "number" && ratio > 0 ? { dropout: node, ratio } : undefined;
    const shift = own ?? (PER_SAMPLE.has(node.opType) ? undefined : passed);
    if (shift !== undefined) for (const output of node.output) shifts.set(output, shift);
  }
  return found;
}
