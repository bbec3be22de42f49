import { GraphBuilder } from "../graph/builder.ts";
import { takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { foldForward } from "./fold-forward.ts";
import type { Fold } from "./fold-pattern.ts";
import { type AppliedFold, foldGraph, foldRound, siteOutputs } from "./fold-strategy.ts";
import { normalizationAffine } from "./normalization-affine.ts";
import { type Pass, type PassResult, type Site, siteId } from "./pass.ts";
import { isRefusal, type Refusal } from "./refusal.ts";
import { requireSites } from "./sites.ts";

/**
 * LayerNorm and InstanceNorm end with y = γ·n + β a channel. The linear operators that read y take
 * both up (fold-forward.ts), and the normalization keeps γ = 1 and β = 0: fewer numbers to store,
 * and weights that show what the next layer really multiplies.
 */
export const mergeNormalizationAffine: Pass = {
  id: "merge-normalization-affine",
  title: "Merge LayerNorm and InstanceNorm scales",
  description:
    "Multiplies the scale and shift of LayerNorm and InstanceNorm into the layers that follow.",
  options: [],
  data: "never",
  preserves: () => "inference",
  find: (graph) =>
    graph.nodes.flatMap((node) => {
      const fold = findMerge(graph, node);
      return fold === undefined ? [] : [site(node, fold)];
    }),
  apply,
};

function findMerge(graph: Graph, node: Node): Fold | Refusal | undefined {
  const site = normalizationAffine(graph, node);
  if (site === undefined || isRefusal(site)) return site;
  return foldForward(graph, site, { duplicateProducer: false });
}

function site(node: Node, fold: Fold | Refusal): Site {
  const id = siteId(node);
  if (isRefusal(fold)) return { node, id, applicable: false, reason: fold.reason };
  const into = siteId(fold.into);
  return { node, id, applicable: true, into, title: `Merge the scale of ${id} into ${into}` };
}

function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(mergeNormalizationAffine, graph, sites);
  const names = new GraphBuilder(takenNames(graph));
  const applied: AppliedFold[] = [];
  let current = graph;
  const next = () => foldRound(current, wanted, findMerge, names);
  for (let round = next(); round !== undefined; round = next()) {
    applied.push(...round.applied);
    current = round.graph;
  }
  const biased = foldGraph(
    current,
    biasesAfter(graph, applied),
    { duplicateProducer: false },
    names,
  );
  const skipped = mergeNormalizationAffine
    .find(biased.graph, {})
    .flatMap((each) =>
      each.applicable || !wanted(each.id) ? [] : [{ node: each.id, reason: each.reason }],
    );
  return {
    graph: biased.graph,
    applied: applied.map(({ node, into }) => ({ node, into })),
    skipped,
    siteOutputs: siteOutputs(graph, biased.graph, [...applied, ...biased.applied]),
  };
}

/** The Add behind a MatMul that got one more: both become one. */
function biasesAfter(graph: Graph, applied: readonly AppliedFold[]): (id: string) => boolean {
  const index = indexOf(graph);
  const readers = applied.flatMap(({ outputs }) => outputs.flatMap((value) => index.uses(value)));
  const adds = readers.filter(({ node }) => node.opType === "Add");
  const ids = new Set(adds.map(({ node }) => siteId(node)));
  return (id) => ids.has(id);
}
