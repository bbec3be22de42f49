import type { Node } from "../graph/graph.ts";

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
