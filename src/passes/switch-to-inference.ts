import { makeAttribute } from "../graph/attributes.ts";
import { makeNode } from "../graph/builder.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { isBatchNormalization, trainingReason } from "./batch-normalization.ts";
import { type Candidate, changeSites, sitesOf } from "./candidates.ts";
import { type Pass, type PassResult, siteId } from "./pass.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { requireSites } from "./sites.ts";

/** Before it, the attribute is_test says whether a BatchNorm trains. */
const FIRST_OPSET_WITHOUT_IS_TEST = 7;

/** The outputs that are the running mean and variance in every version that has more than one. */
const RUNNING_STATISTICS: ReadonlyMap<number, number> = new Map([
  [1, 3],
  [2, 4],
]);

/**
 * A BatchNorm in training mode normalizes with the statistics of the batch it is given; at
 * inference with its running mean and variance. That is another function, so nothing is promised.
 *
 * The running statistics that a training node puts out are, at inference, the ones it was given.
 */
export const switchToInference: Pass = {
  id: "switch-to-inference",
  title: "Switch BatchNorm to inference",
  description: "Makes each BatchNorm that trains use its running mean and variance.",
  options: [],
  data: "never",
  preserves: () => "nothing",
  find: (graph) => sitesOf(candidates(graph), (_, id) => ({ title: `Switch ${id} to inference` })),
  apply,
};

function trains(graph: Graph, node: Node): boolean {
  return isBatchNormalization(node) && trainingReason(graph, node) !== undefined;
}

function candidates(graph: Graph): readonly Candidate<object>[] {
  return graph.nodes
    .filter((node) => trains(graph, node))
    .map((node) => ({ node, plan: batchStatistic(graph, node) ?? {} }));
}

/** Statistics of the batch, outputs four and five of opset 7 to 13, do not exist at inference. */
function batchStatistic(graph: Graph, node: Node): Refusal | undefined {
  const used = node.output.slice(3).find((value) => value !== "" && isRead(graph, value));
  return used === undefined
    ? undefined
    : refuse(`${siteId(node)} puts out ${used}, a statistic of the batch, and somebody reads it.`);
}

function isRead(graph: Graph, value: string): boolean {
  const index = indexOf(graph);
  return index.isOutput(value) || index.readByBody(value) || index.uses(value).length > 0;
}

function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(switchToInference, graph, sites);
  const found = candidates(graph).filter(({ node }) => wanted(siteId(node)));
  const result = changeSites(graph, found, (_, __, node) => ({
    replace: new Map([[node, switched(graph, node)]]),
    into: siteId(node),
  }));
  const statement =
    "Each switched BatchNorm now normalizes with its running mean and variance, no longer with those of the batch.";
  return result.applied.length === 0 ? result : { ...result, statement };
}

function switched(graph: Graph, node: Node): Node[] {
  const others = node.attribute.filter(
    ({ name }) => name !== "is_test" && name !== "training_mode",
  );
  const old = standardOpset(graph) < FIRST_OPSET_WITHOUT_IS_TEST;
  const attribute = old ? [...others, makeAttribute("is_test", { int: 1 })] : others;
  const statistics = [...RUNNING_STATISTICS].flatMap(([output, input]) => {
    const [from = "", to = ""] = [node.input[input], node.output[output]];
    return to !== "" && isRead(graph, to) ? [makeNode("Identity", [from], [to], { name: to })] : [];
  });
  return [changeNode(node, { attribute, output: node.output.slice(0, 1) }), ...statistics];
}
