import { takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { FoldOptions } from "./fold-pattern.ts";
import { foldCandidates, foldGraph, siteOutputs } from "./fold-strategy.ts";
import { functionSites } from "./function-sites.ts";
import { type Pass, type PassOptions, type PassResult, type Site, siteId } from "./pass.ts";
import { isRefusal, type Refusal } from "./refusal.ts";
import { requireSites } from "./sites.ts";

/**
 * Lets the neighbouring linear nodes compute what a BatchNorm computes at inference, y = a·x + b a
 * channel, and what constant arithmetic next to them computes. The algebra of each neighbour is in
 * its file (linear-operators.ts lists them), the ways there in fold-backward.ts and
 * fold-forward.ts, the order in fold-strategy.ts.
 */
export const foldBatchNorm: Pass = {
  id: "fold-batch-norm",
  title: "Fold BatchNorm",
  description:
    "Multiplies each BatchNorm, and constant scales and shifts, into the weights of neighbouring layers.",
  options: [],
  data: "never",
  preserves: () => "inference",
  find: (graph, options) => [
    ...foldCandidates(graph, foldOptions(options)).map(({ node, fold }) => site(node, fold)),
    ...functionSites(graph),
  ],
  apply,
};

function foldOptions(options: PassOptions): FoldOptions {
  return { duplicateProducer: options.duplicateProducer === true };
}

function site(node: Node, fold: { readonly into: Node } | Refusal): Site {
  const id = siteId(node);
  if (isRefusal(fold)) return { node, id, applicable: false, reason: fold.reason };
  const into = siteId(fold.into);
  return { node, id, applicable: true, into, title: `Fold ${id} into ${into}` };
}

function apply(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
): PassResult {
  const wanted = requireSites(foldBatchNorm, graph, sites, options);
  const result = foldGraph(graph, wanted, foldOptions(options));
  // An Add that one fold put behind a MatMul and another took away again is nobody's site.
  const named = takenNames(graph);
  const skipped = foldBatchNorm
    .find(result.graph, options)
    .flatMap((each) =>
      each.applicable || !wanted(each.id) ? [] : [{ node: each.id, reason: each.reason }],
    );
  return {
    graph: result.graph,
    applied: result.applied
      .filter(({ node }) => named.has(node))
      .map(({ node, into }) => ({ node, into })),
    skipped,
    siteOutputs: siteOutputs(graph, result.graph, result.applied),
  };
}
