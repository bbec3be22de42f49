import { makeAttribute } from "../graph/attributes.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import { type Candidate, changeSites, sitesOf } from "./candidates.ts";
import { dropsAtInference, FIRST_OPSET_WITHOUT_IS_TEST, isDropout } from "./dropout.ts";
import { type Pass, type PassResult, siteId } from "./pass.ts";
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
  find: (graph) => sitesOf(candidates(graph), (_, id) => ({ title: `Switch ${id} to inference` })),
  apply,
};

/** Each Dropout that drops, or of which it is not known. */
function candidates(graph: Graph): readonly Candidate<object>[] {
  return graph.nodes.filter(isDropout).flatMap((node) => {
    const drops = dropsAtInference(graph, node);
    return drops === false ? [] : [{ node, plan: drops === true ? {} : drops }];
  });
}

function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(switchDropoutToInference, graph, sites);
  const found = candidates(graph).filter(({ node }) => wanted(siteId(node)));
  const result = changeSites(graph, found, (_, __, node) => ({
    replace: new Map([[node, [switched(graph, node)]]]),
    into: siteId(node),
  }));
  const statement = "At inference nothing is dropped any more: the answers no longer vary.";
  return result.applied.length === 0 ? result : { ...result, statement };
}

function switched(graph: Graph, node: Node): Node {
  if (standardOpset(graph) >= FIRST_OPSET_WITHOUT_IS_TEST) {
    const ratio = node.input[1] ?? "";
    return changeNode(node, { input: node.input.slice(0, ratio === "" ? 1 : 2) });
  }
  const others = node.attribute.filter(({ name }) => name !== "is_test");
  return changeNode(node, { attribute: [...others, makeAttribute("is_test", { int: 1 })] });
}
