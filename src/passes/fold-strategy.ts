import { GraphBuilder } from "../graph/builder.ts";
import { changeGraph, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { bodiesOf, indexOf } from "../graph/index.ts";
import type { Tensor } from "../graph/tensor.ts";
import { isBatchNormalization } from "./batch-normalization.ts";
import { bodyGraph, bodyOf, withBodies } from "./body-graph.ts";
import type { Fold, FoldOptions } from "./fold-pattern.ts";
import { type FoldDirection, findFold } from "./fold-sites.ts";
import { type SiteOutput, siteId } from "./pass.ts";
import { isRefusal, type Refusal } from "./refusal.ts";

/** Bodies nested deeper than this are left alone. */
const DEEPEST_BODY = 32;

export interface AppliedFold {
  readonly node: string;
  readonly into: string;
  /** Values that mean the same before and after. */
  readonly outputs: readonly string[];
}

export interface FoldResult {
  readonly graph: Graph;
  readonly applied: readonly AppliedFold[];
}

/**
 * Folds to a fixed point, in the order that leaves the fewest normalizations:
 *
 * 1. backward, into what computes a site's input, because nothing is left over there
 * 2. forward only when nothing folds backward any more, since it may leave a shift behind; what
 *    it frees is tried backward again
 *
 * A round folds all sites that touch no common node at once, normalizations first, which take the
 * arithmetic around them along. Each round shortens the chain of any two neighbours that it left,
 * and a chain halves from round to round, so that the work is linear in the graph up to a logarithm.
 * Sites are visited in node order: the result depends on the file alone.
 */
export function foldGraph(
  graph: Graph,
  wanted: (id: string) => boolean,
  options: FoldOptions,
  names: GraphBuilder = new GraphBuilder(takenNames(graph)),
  depth = 0,
): FoldResult {
  const bodies = foldBodies(graph, wanted, options, names, depth);
  const applied = [...bodies.applied];
  let current = bodies.graph;
  const rounds = (direction: FoldDirection): boolean => {
    const find: FoldFinder = (now, node) => findFold(now, node, options, direction);
    const round = foldRound(current, wanted, find, names);
    if (round === undefined) return false;
    applied.push(...round.applied);
    current = round.graph;
    return true;
  };
  while (rounds("backward") || rounds("forward")) {}
  return { graph: current, applied };
}

/** How a node folds in a graph, why not, or undefined where it is no site. */
export type FoldFinder = (graph: Graph, node: Node) => Fold | Refusal | undefined;

/** Folds every wanted site that touches no node of another one; undefined where none is left. */
export function foldRound(
  graph: Graph,
  wanted: (id: string) => boolean,
  find: FoldFinder,
  names: GraphBuilder,
): FoldResult | undefined {
  const replace = new Map<Node, readonly Node[]>();
  const initializers: Tensor[] = [];
  const applied: AppliedFold[] = [];
  const touched = new Set<Node>();
  const candidates = graph.nodes.filter((node) => wanted(siteId(node)));
  const inOrder = [
    ...candidates.filter(isBatchNormalization),
    ...candidates.filter((node) => !isBatchNormalization(node)),
  ];
  for (const node of inOrder) {
    if (touched.has(node)) continue;
    const fold = find(graph, node);
    if (fold === undefined || isRefusal(fold)) continue;
    if (fold.touches.some((each) => touched.has(each))) continue;
    for (const each of fold.touches) touched.add(each);
    const changes = fold.changes(names);
    for (const [old, replacement] of changes.replace ?? []) replace.set(old, replacement);
    initializers.push(...(changes.initializers ?? []));
    applied.push({ node: siteId(node), into: siteId(fold.into), outputs: fold.outputs });
  }
  if (applied.length === 0) return undefined;
  return { graph: changeGraph(graph, { replace, initializers }), applied };
}

function foldBodies(
  graph: Graph,
  wanted: (id: string) => boolean,
  options: FoldOptions,
  names: GraphBuilder,
  depth: number,
): FoldResult {
  const replace = new Map<Node, readonly Node[]>();
  const applied: AppliedFold[] = [];
  if (depth >= DEEPEST_BODY) return { graph, applied };
  for (const node of graph.nodes) {
    let changed = false;
    const bodies = bodiesOf(node).map((body) => {
      const view = bodyGraph(graph, body);
      const result = foldGraph(view.graph, wanted, options, names, depth + 1);
      if (result.applied.length === 0) return body;
      changed = true;
      applied.push(...result.applied);
      return bodyOf(body, view, view.graph, result.graph);
    });
    if (changed) replace.set(node, [withBodies(node, bodies)]);
  }
  return { graph: replace.size === 0 ? graph : changeGraph(graph, { replace }), applied };
}

/** A node with how it folds or why not, also inside bodies. */
export interface Candidate {
  readonly node: Node;
  readonly fold: { readonly into: Node } | Refusal;
}

/** Every site of a graph as it is, in node order. */
export function foldCandidates(graph: Graph, options: FoldOptions, depth = 0): Candidate[] {
  return graph.nodes.flatMap((node): Candidate[] => {
    const fold = findFold(graph, node, options);
    if (fold !== undefined) return [{ node, fold }];
    if (depth >= DEEPEST_BODY) return [];
    return bodiesOf(node).flatMap((body) =>
      foldCandidates(bodyGraph(graph, body).graph, options, depth + 1),
    );
  });
}

/** The values that both graphs still have, each once: a name means the same in both. */
export function siteOutputs(
  before: Graph,
  after: Graph,
  applied: readonly AppliedFold[],
): SiteOutput[] {
  const seen = new Set<string>();
  return applied.flatMap(({ node, outputs }) =>
    outputs.flatMap((value) => {
      const both = [before, after].every((graph) => indexOf(graph).producer(value) !== undefined);
      if (!both || seen.has(value)) return [];
      seen.add(value);
      return [{ site: node, before: value, after: value }];
    }),
  );
}
