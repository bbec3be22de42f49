import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";

/** What a nonlinearity asks of the weights before it. */
export type ActivationFamily = "rectifier" | "saturating";

const ACTIVATIONS: Readonly<Record<string, ActivationFamily>> = {
  Relu: "rectifier",
  LeakyRelu: "rectifier",
  PRelu: "rectifier",
  ThresholdedRelu: "rectifier",
  Elu: "rectifier",
  Celu: "rectifier",
  Selu: "rectifier",
  Gelu: "rectifier",
  HardSwish: "rectifier",
  Mish: "rectifier",
  Swish: "rectifier",
  Softplus: "rectifier",
  Clip: "rectifier",
  Sigmoid: "saturating",
  HardSigmoid: "saturating",
  Tanh: "saturating",
  Softsign: "saturating",
  Erf: "saturating",
};

export function activationFamily(node: Node): ActivationFamily | undefined {
  return node.domain === "" || node.domain === "com.microsoft"
    ? ACTIVATIONS[node.opType]
    : undefined;
}

/** Values that enter a nonlinearity, each once, in graph order. */
export function nonlinearityInputs(graph: Graph): readonly string[] {
  const names = graph.nodes
    .filter((node) => activationFamily(node) !== undefined)
    .map((node) => node.input[0] ?? "");
  return [...new Set(names)];
}

/** Operators that a value passes on its way to the nonlinearity without changing its family. */
const PASSED = new Set([
  ..."Add BatchNormalization InstanceNormalization LayerNormalization GroupNormalization".split(
    " ",
  ),
  ..."Identity Dropout Mul Reshape Flatten Squeeze Unsqueeze Transpose".split(" "),
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
