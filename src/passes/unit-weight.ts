import { constantValue } from "../graph/constants.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type OutputUnits, outputUnits } from "../operators/output-units.ts";
import { knownTensor } from "./known-tensor.ts";
import { siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";

/** The stored weight of a linear layer, with the output units it consists of. */
export interface UnitWeight {
  readonly node: Node;
  /** The position at which the layer reads it. */
  readonly input: number;
  readonly value: string;
  readonly tensor: Tensor;
  readonly units: OutputUnits;
}

const LAYERS: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

export function isLinearLayer(node: Node): boolean {
  return LAYERS.has(node.opType) && isStandardDomain(node.domain);
}

/**
 * The weight of a linear layer, or why it is not known; undefined for other nodes, and for a
 * product of two values that both depend on the model's input. Decodes no weights.
 */
export function unitWeight(graph: Graph, node: Node): UnitWeight | Refusal | undefined {
  if (!isLinearLayer(node)) return undefined;
  const input = weightInput(graph, node);
  if (input === undefined) return undefined;
  const value = node.input[input] ?? "";
  const tensor = knownTensor(graph, value, `weight of ${siteId(node)}`);
  if (isRefusal(tensor)) return tensor;
  const units = outputUnits(node, input, tensor.dims);
  if (units === undefined || tensor.dims.includes(0)) {
    return refuse(
      `The weight of ${nodeLabel(node)} (${value}) has shape [${tensor.dims}], which has no output units.`,
    );
  }
  return { node, input, value, tensor, units };
}

/** MatMul may have its weight on either side; the right one counts where both are stored. */
function weightInput(graph: Graph, node: Node): number | undefined {
  if (node.opType !== "MatMul") return 1;
  return [1, 0].find((input) => constantValue(graph, node.input[input] ?? "") !== undefined);
}
