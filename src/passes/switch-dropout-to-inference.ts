import { makeAttribute } from "../graph/attributes.ts";
import { changeGraph, changeNode } from "../graph/edit.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import { dropsAtInference, FIRST_OPSET_WITHOUT_IS_TEST, isDropout } from "./dropout.ts";
import { type Pass, type PassResult, type Site, siteId } from "./pass.ts";
import { requireSites } from "./sites.ts";

/**
 * A Dropout with a constant training_mode of true drops whenever the model runs; without it, it
 * passes its input on. That is another function, so nothing is promised.
 *
 * Apart from switch-to-inference: a model with Dropout left on purpose (Monte-Carlo dropout) needs
 * its BatchNorms switched all the same, and a BatchNorm's remark offers that pass alone.
 */
export const switchDropoutToInference: Pass = {
  id: "switch-dropout-to-inference",
  title: "Switch Dropout to inference",
  description: "Makes each Dropout that drops whenever the model runs pass its input on.",
  options: [],
  data: "never",
  preserves: () => "nothing",
  find: (graph) => graph.nodes.filter(isDropout).flatMap((node) => site(graph, node)),
  apply,
};

/** None for a Dropout that does not drop. */
function site(graph: Graph, node: Node): Site[] {
  const id = siteId(node);
  const drops = dropsAtInference(graph, node);
  if (drops === false) return [];
  if (drops === true) {
    return [{ node, id, applicable: true, into: id, title: `Switch ${id} to inference` }];
  }
  return [{ node, id, applicable: false, reason: drops.reason }];
}

function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(switchDropoutToInference, graph, sites);
  const found = switchDropoutToInference.find(graph, {}).filter(({ id }) => wanted(id));
  const nodes = found.filter((each) => each.applicable).map(({ node }) => node);
  const replace = new Map(nodes.map((node) => [node, [switched(graph, node)]]));
  return {
    graph: changeGraph(graph, { replace }),
    applied: nodes.map((node) => ({ node: siteId(node), into: siteId(node) })),
    skipped: found.flatMap((each) =>
      each.applicable ? [] : [{ node: each.id, reason: each.reason }],
    ),
    siteOutputs: [],
    ...(nodes.length === 0
      ? {}
      : { statement: "At inference nothing is dropped any more: the answers no longer vary." }),
  };
}

function switched(graph: Graph, node: Node): Node {
  if (standardOpset(graph) >= FIRST_OPSET_WITHOUT_IS_TEST) {
    const ratio = node.input[1] ?? "";
    return changeNode(node, { input: node.input.slice(0, ratio === "" ? 1 : 2) });
  }
  const others = node.attribute.filter(({ name }) => name !== "is_test");
  return changeNode(node, { attribute: [...others, makeAttribute("is_test", { int: 1 })] });
}
