import type { Graph, Node } from "../graph/graph.ts";
import { keptWithGraph } from "../graph/kept-with-graph.ts";
import type { Finding } from "../protocol/reports.ts";
import { batchNormToAffine } from "./batch-norm-to-affine.ts";
import { isBatchNormalization, numericProblem, readParameters } from "./batch-normalization.ts";
import { channelFindings } from "./channel-findings.ts";
import { foldBatchNorm } from "./fold-batch-norm.ts";
import { siteId } from "./pass.ts";
import { isRefusal } from "./refusal.ts";
import { switchToInference } from "./switch-to-inference.ts";
import { unusedParameters } from "./unused-parameters.ts";

/**
 * Every remark on a model: sites of passes, and rules without a fix. Reads the short per-channel
 * vectors of normalizations and no large weight; once a graph, as the page asks again with every
 * node that is selected.
 */
export const findings = keptWithGraph((graph): readonly Finding[] => [
  ...foldFindings(graph),
  ...numericsFindings(graph),
  ...unusedParameters(graph),
]);

/**
 * One remark a BatchNorm: how it folds, or why not and what can be done instead. Arithmetic is
 * remarked on only where it folds; nobody misses a fold of an Add that stays.
 */
function foldFindings(graph: Graph): Finding[] {
  const rule = foldBatchNorm.id;
  const instead = new Map<Node, Finding["fix"]>();
  for (const pass of [batchNormToAffine, switchToInference]) {
    for (const site of pass.find(graph, {})) {
      if (site.applicable) {
        instead.set(site.node, { title: site.title, pass: pass.id, site: site.id });
      }
    }
  }
  const sites = foldBatchNorm
    .find(graph, {})
    .filter((site) => site.applicable || isBatchNormalization(site.node));
  return sites.map((site): Finding => {
    const about = { rule, severity: "information", node: site.id } as const;
    if (site.applicable) {
      const fix = { title: site.title, pass: rule, site: site.id };
      return { ...about, message: `${site.id} can be folded into ${site.into}.`, fix };
    }
    const message = `${site.id} is not folded. ${site.reason}`;
    const fix = instead.get(site.node);
    return { ...about, message, reason: site.reason, ...(fix === undefined ? {} : { fix }) };
  });
}

function numericsFindings(graph: Graph): Finding[] {
  return graph.nodes.filter(isBatchNormalization).flatMap((node): Finding[] => {
    const batchNorm = readParameters(graph, node);
    if (isRefusal(batchNorm)) return [];
    const problem = numericProblem(batchNorm);
    if (problem === undefined) return channelFindings(batchNorm);
    const message = problem.reason;
    return [{ rule: "batch-norm-numerics", severity: "error", node: siteId(node), message }];
  });
}
