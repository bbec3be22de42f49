import { GraphBuilder } from "../graph/builder.ts";
import { changeGraph, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { Tensor } from "../graph/tensor.ts";
import { affineForm, isBatchNormalization, readBatchNormalization } from "./batch-normalization.ts";
import { foldIntoConv } from "./fold-into-conv.ts";
import type { Fold, FoldPattern } from "./fold-pattern.ts";
import { type Pass, type PassResult, type Site, type SiteOutput, siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { requireSites } from "./sites.ts";

/** The neighbours that can take a BatchNorm up, tried in this order. */
const PATTERNS: readonly FoldPattern[] = [foldIntoConv];

/**
 * Lets the neighbouring linear node compute what a BatchNorm computes at inference, y = a·x + b a
 * channel. The algebra of each neighbour is in its pattern's file.
 */
export const foldBatchNorm: Pass = {
  id: "fold-batch-norm",
  title: "Fold BatchNorm",
  description: "Multiplies each BatchNorm into the weights of its neighbouring layer.",
  preserves: "inference",
  find: (graph) => graph.nodes.filter(isBatchNormalization).map((node) => findSite(graph, node)),
  apply,
};

function findSite(graph: Graph, node: Node): Site {
  const id = siteId(node);
  const fold = findFold(graph, node);
  if (isRefusal(fold)) return { node, id, applicable: false, reason: fold.reason };
  const into = siteId(fold.into);
  return { node, id, applicable: true, into, title: `Fold ${id} into ${into}` };
}

/** The first pattern that can fold decides; else the first reason that a neighbour gives. */
function findFold(graph: Graph, node: Node): Fold | Refusal {
  const batchNorm = readBatchNormalization(graph, node);
  if (isRefusal(batchNorm)) return batchNorm;
  const affine = affineForm(batchNorm);
  if (isRefusal(affine)) return affine;
  let reason: Refusal | undefined;
  for (const pattern of PATTERNS) {
    const fold = pattern(graph, batchNorm, affine);
    if (fold === undefined) continue;
    if (!isRefusal(fold)) return fold;
    reason ??= fold;
  }
  return reason ?? standalone(graph, batchNorm.input);
}

function standalone(graph: Graph, input: string): Refusal {
  const producer = indexOf(graph).producer(input);
  const source =
    producer === undefined ? `is the model's input ${input}` : `comes from ${nodeLabel(producer)}`;
  return refuse(`Its input ${source}, which has no weights to fold into.`);
}

/**
 * Folds in rounds: all sites that do not touch the same node at once, then those that a round made
 * possible, until a round finds nothing. Each round takes a BatchNorm away, so the rounds end.
 */
function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(foldBatchNorm, graph, sites);
  const applied: { node: string; into: string }[] = [];
  let current = graph;
  for (let round = foldRound(current, wanted); round !== undefined; ) {
    applied.push(...round.applied);
    current = round.graph;
    round = foldRound(current, wanted);
  }
  const skipped = foldBatchNorm
    .find(current, {})
    .flatMap((site) =>
      site.applicable || !wanted(site.id) ? [] : [{ node: site.id, reason: site.reason }],
    );
  return { graph: current, applied, skipped, siteOutputs: siteOutputs(graph, current, applied) };
}

interface Round {
  readonly graph: Graph;
  readonly applied: readonly { readonly node: string; readonly into: string }[];
}

function foldRound(graph: Graph, wanted: (id: string) => boolean): Round | undefined {
  const names = new GraphBuilder(takenNames(graph));
  const replace = new Map<Node, readonly Node[]>();
  const initializers: Tensor[] = [];
  const applied: { node: string; into: string }[] = [];
  for (const node of graph.nodes) {
    if (!isBatchNormalization(node) || !wanted(siteId(node))) continue;
    const fold = findFold(graph, node);
    if (isRefusal(fold) || fold.touches.some((touched) => replace.has(touched))) continue;
    const changes = fold.changes(names);
    for (const [old, replacement] of changes.replace ?? []) replace.set(old, replacement);
    initializers.push(...(changes.initializers ?? []));
    applied.push({ node: siteId(node), into: siteId(fold.into) });
  }
  if (applied.length === 0) return undefined;
  return { graph: changeGraph(graph, { replace, initializers }), applied };
}

/** The values that both graphs still have: a fold keeps the name of the BatchNorm's result. */
function siteOutputs(
  before: Graph,
  after: Graph,
  applied: readonly { readonly node: string }[],
): SiteOutput[] {
  const folded = new Set(applied.map((site) => site.node));
  return before.nodes.flatMap((node) => {
    const value = node.output[0] ?? "";
    const compared =
      isBatchNormalization(node) &&
      folded.has(siteId(node)) &&
      indexOf(after).producer(value) !== undefined;
    return compared ? [{ site: siteId(node), before: value, after: value }] : [];
  });
}
