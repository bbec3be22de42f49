import { GraphBuilder } from "../graph/builder.ts";
import { changeGraph, type GraphChanges, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type PassResult, type Site, type SiteOutput, siteId } from "./pass.ts";
import { isRefusal, type Refusal } from "./refusal.ts";

/** A node that a pass looked at: what it would do there, or why it leaves it alone. */
export interface Candidate<Plan extends object> {
  readonly node: Node;
  readonly plan: Plan | Refusal;
}

/** What a pass does at one site, in terms of the graph before any of them. */
export interface SiteChange extends GraphChanges {
  /** Name of the node that takes the change up. */
  readonly into: string;
  /** A value, of the same name before and after, that the change must leave as it was. */
  readonly keeps?: string;
}

/** The candidates as what menus show; `into` is the site's own name where it is left out. */
export function sitesOf<Plan extends object>(
  candidates: readonly Candidate<Plan>[],
  describe: (plan: Plan, id: string) => { readonly title: string; readonly into?: string },
): readonly Site[] {
  return candidates.map(({ node, plan }): Site => {
    const id = siteId(node);
    return isRefusal(plan)
      ? { node, id, applicable: false, reason: plan.reason }
      : { node, id, applicable: true, into: id, ...describe(plan, id) };
  });
}

/**
 * Changes a graph at each candidate that has a plan, in their order, and reports the others.
 *
 * @param change may still refuse, and takes fresh names and shared initializers from the builder.
 */
export function changeSites<Plan extends object>(
  graph: Graph,
  candidates: readonly Candidate<Plan>[],
  change: (plan: Plan, builder: GraphBuilder, node: Node) => SiteChange | Refusal,
): PassResult {
  const builder = new GraphBuilder(takenNames(graph));
  const replace = new Map<Node, readonly Node[]>();
  const initializers: Tensor[] = [];
  const applied: { node: string; into: string }[] = [];
  const skipped: { node: string; reason: string }[] = [];
  const siteOutputs: SiteOutput[] = [];
  for (const { node, plan } of candidates) {
    const id = siteId(node);
    const made = isRefusal(plan) ? plan : change(plan, builder, node);
    if (isRefusal(made)) {
      skipped.push({ node: id, reason: made.reason });
      continue;
    }
    for (const [old, nodes] of made.replace ?? []) replace.set(old, nodes);
    initializers.push(...(made.initializers ?? []));
    applied.push({ node: id, into: made.into });
    if (made.keeps !== undefined) {
      siteOutputs.push({ site: id, before: made.keeps, after: made.keeps });
    }
  }
  initializers.push(...builder.initializers.values());
  return { graph: changeGraph(graph, { replace, initializers }), applied, skipped, siteOutputs };
}
