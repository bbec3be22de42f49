import { makeNode } from "../graph/builder.ts";
import { changeGraph, changeNode } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { type GraphIndex, indexOf } from "../graph/index.ts";
import { nodeRole } from "../graph/node-role.ts";
import { dropsAtInference, isDropout } from "./dropout.ts";
import { type Pass, type PassResult, type Site, type SiteOutput, siteId } from "./pass.ts";
import { nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { requireSites } from "./sites.ts";

/**
 * Takes out each Dropout that only passes its input on when the model is used. What computes the
 * input then computes the result under the result's name, so that readers stay as they are; where
 * the input is needed under its own name too, the readers of the result read the input.
 */
export const stripDropout: Pass = {
  id: "strip-dropout",
  title: "Remove Dropout",
  description: "Removes each Dropout that does nothing at inference.",
  options: [],
  data: "never",
  preserves: () => "function",
  find: (graph) => graph.nodes.filter(isDropout).map((node) => site(graph, node)),
  apply,
};

function site(graph: Graph, node: Node): Site {
  const id = siteId(node);
  const found = obstacle(graph, node);
  if (found !== undefined) return { node, id, applicable: false, reason: found.reason };
  return { node, id, applicable: true, into: id, title: `Remove ${id}` };
}

function obstacle(graph: Graph, node: Node): Refusal | undefined {
  const drops = dropsAtInference(graph, node);
  if (typeof drops === "object") return drops;
  if (drops) {
    return refuse(
      `${nodeLabel(node)} drops at inference as well: switch it to inference first (switch-dropout-to-inference).`,
    );
  }
  const mask = node.output[1] ?? "";
  if (mask !== "" && isRead(indexOf(graph), mask)) {
    return refuse(`${nodeLabel(node)} puts out its mask ${mask}, and somebody reads it.`);
  }
  if (nodeRole(node) === "variational-dropout") {
    return refuse(
      `${nodeLabel(node)} holds what variational dropout has learned: prune-variational-dropout takes it out.`,
    );
  }
  return undefined;
}

function isRead(index: GraphIndex, value: string): boolean {
  return index.isOutput(value) || index.readByBody(value) || index.uses(value).length > 0;
}

function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(stripDropout, graph, sites);
  const found = stripDropout.find(graph, {}).filter(({ id }) => wanted(id));
  const removed = found.filter((each) => each.applicable).map(({ node }) => node);
  const skipped = found.flatMap((each) =>
    each.applicable ? [] : [{ node: each.id, reason: each.reason }],
  );
  const { replace, siteOutputs } = without(graph, removed);
  return {
    graph: changeGraph(graph, { replace }),
    applied: removed.map((node) => ({ node: siteId(node), into: siteId(node) })),
    skipped,
    siteOutputs,
  };
}

/** The nodes that change when nodes that pass their first input on go. */
export function without(
  graph: Graph,
  removed: readonly Node[],
): { readonly replace: Map<Node, readonly Node[]>; readonly siteOutputs: SiteOutput[] } {
  const index = indexOf(graph);
  /** New names of values: of inputs that take the result's name, and of results that go. */
  const renamed = new Map<string, string>();
  const current = (value: string): string => {
    let name = value;
    for (let next = renamed.get(name); next !== undefined; next = renamed.get(name)) name = next;
    return name;
  };
  const replace = new Map<Node, readonly Node[]>();
  for (const node of removed) {
    const input = current(node.input[0] ?? "");
    const [output = ""] = node.output;
    replace.set(node, []);
    if (takesOtherName(index, input)) renamed.set(input, output);
    else if (!index.isOutput(output) && !index.readByBody(output)) renamed.set(output, input);
    else replace.set(node, [makeNode("Identity", [input], [output], { name: node.name })]);
  }
  for (const node of graph.nodes) {
    const kept = replace.get(node) ?? [node];
    const changed = kept.map((each) => withNames(each, current));
    if (replace.has(node) || changed[0] !== node) replace.set(node, changed);
  }
  const siteOutputs = removed.map((node) => {
    const [before = ""] = node.output;
    return { site: siteId(node), before, after: current(before) };
  });
  return { replace, siteOutputs };
}

/** A node makes the value, and nobody but one reader knows it. */
function takesOtherName(index: GraphIndex, value: string): boolean {
  return (
    index.producer(value) !== undefined &&
    index.uses(value).length === 1 &&
    !index.isOutput(value) &&
    !index.readByBody(value)
  );
}

function withNames(node: Node, current: (value: string) => string): Node {
  const input = node.input.map(current);
  const output = node.output.map(current);
  const same = (one: readonly string[], other: readonly string[]) =>
    one.every((value, position) => value === other[position]);
  return same(input, node.input) && same(output, node.output)
    ? node
    : changeNode(node, { input, output });
}
