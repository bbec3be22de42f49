import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import type { Pass, PassOptions } from "./pass.ts";

/**
 * Whether a site was asked for; all are when no list is given.
 *
 * @throws InputError for a name that is none of the pass's sites in this graph.
 */
export function requireSites(
  pass: Pass,
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions = {},
): (id: string) => boolean {
  if (sites === undefined) return () => true;
  const known = new Set(pass.find(graph, options).map((site) => site.id));
  for (const id of sites) {
    if (known.has(id)) continue;
    const list = known.size === 0 ? "none" : [...known].slice(0, 10).join(", ");
    throw new InputError(`${pass.id}: ${id} is not one of the model's sites; there are: ${list}`);
  }
  const wanted = new Set(sites);
  return (id) => wanted.has(id);
}
