import { intAttribute } from "../../graph/attributes.ts";
import { type Graph, isStandardDomain, type Node } from "../../graph/graph.ts";
import { bodiesOf } from "../../graph/index.ts";

const RANDOM: ReadonlySet<string> = new Set([
  "Bernoulli",
  "Multinomial",
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
]);

/**
 * Whether a model may answer differently each time: it has a random operator of the standard set,
 * a Dropout that may train (an input or attribute says so), or one of another domain, of which
 * nothing is known.
 */
export function mayBeRandom(graph: Graph): boolean {
  return graph.nodes.some(isRandom);
}

function isRandom(node: Node): boolean {
  if (!isStandardDomain(node.domain) || RANDOM.has(node.opType)) return true;
  const trains = (node.input[2] ?? "") !== "" || intAttribute(node, "is_test", 1) === 0;
  if (node.opType === "Dropout" && trains) return true;
  return bodiesOf(node).some((body) => body.node.some(isRandom));
}
