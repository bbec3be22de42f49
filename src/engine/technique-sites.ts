import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { keptWithGraph } from "../graph/kept-with-graph.ts";
import { checkedOptions } from "../passes/options.ts";
import { type ApplicableSite, type Pass, type Site, siteId } from "../passes/pass.ts";
import { findPass, PASSES } from "../passes/registry.ts";
import type { OptionValues, PassSites, TechniqueSite } from "../protocol/engine.ts";

/** Where a pass could act, for a list to choose from. */
export function passSites(graph: Graph, id: string, given?: OptionValues): PassSites {
  const pass = findPass(id);
  const sites = pass.find(graph, checkedOptions(pass, given));
  return {
    applicable: sites.flatMap((site) => (site.applicable ? [siteOf(pass, site)] : [])),
    skipped: sites.flatMap((site) =>
      site.applicable ? [] : [{ node: site.id, reason: site.reason }],
    ),
  };
}

/** What the passes could do at a node with their default options, in the order of the menus. */
export function sitesAt(graph: Graph, node: string): readonly TechniqueSite[] {
  return sitesByNode(graph).get(node) ?? [];
}

/**
 * Every pass looks through the whole graph once, when somebody first asks for a node of it: after
 * each edit, of which most are never looked at with a light bulb, it would be wasted work, and at
 * each move of the cursor it would be too slow.
 */
const sitesByNode = keptWithGraph((graph): ReadonlyMap<string, readonly TechniqueSite[]> => {
  const byNode = new Map<string, TechniqueSite[]>();
  for (const pass of PASSES) {
    for (const site of sitesByDefault(pass, graph)) {
      if (!site.applicable) continue;
      const name = siteId(site.node);
      const found = siteOf(pass, site);
      const known = byNode.get(name);
      if (known === undefined) byNode.set(name, [found]);
      else known.push(found);
    }
  }
  return byNode;
});

function siteOf(pass: Pass, { id, title }: ApplicableSite): TechniqueSite {
  return { pass: pass.id, passTitle: pass.title, site: id, title };
}

/** A pass that cannot look before its options are given, such as a node's name, has no sites here. */
function sitesByDefault(pass: Pass, graph: Graph): readonly Site[] {
  try {
    return pass.find(graph, checkedOptions(pass));
  } catch (error) {
    if (error instanceof InputError) return [];
    throw error;
  }
}
