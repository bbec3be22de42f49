import { fedValues } from "../graph/fed-values.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { type ActivationFamily, activationFamily } from "../operators/nonlinearities.ts";

/**
 * Values that enter a nonlinearity, each once, in graph order; not those made of weights alone, such
 * as the log α that a Sigmoid turns into a dropout rate.
 */
export function nonlinearityInputs(graph: Graph): readonly string[] {
  const fed = fedValues(graph);
  const names = graph.nodes
    .filter((node) => activationFamily(node) !== undefined)
    .map((node) => node.input[0] ?? "")
    .filter((name) => fed.has(name));
  return [...new Set(names)];
}

/** Operators that a value passes on its way to the nonlinearity without changing its family. */
const PASSED = new Set([
  ..."Add BatchNormalization InstanceNormalization LayerNormalization GroupNormalization".split(
    " ",
  ),
  ..."Identity Dropout Mul Sub Reshape Flatten Squeeze Unsqueeze Transpose".split(" "),
  ..."MaxPool AveragePool GlobalAveragePool".split(" "),
]);

/** The first nonlinearity behind a node's output; undefined where the output is used as it is. */
export function followingActivation(graph: Graph, node: Node): ActivationFamily | undefined {
  const index = indexOf(graph);
  const open = [...node.output];
  const seen = new Set(open);
  for (let value = open.shift(); value !== undefined; value = open.shift()) {
    for (const use of index.uses(value)) {
      const family = activationFamily(use.node);
      if (family !== undefined) return family;
      if (!PASSED.has(use.node.opType)) continue;
      for (const output of use.node.output) if (!seen.has(output)) open.push(output);
      for (const output of use.node.output) seen.add(output);
    }
  }
  return undefined;
}
