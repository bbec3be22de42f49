import { isOverridable } from "../graph/constants.ts";
import { changeGraph } from "../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { separateStatistics } from "./separate-statistics.ts";

/**
 * The model with a tensor of its own for each parameter that PyTorch's exporter stored together with
 * another because their numbers were equal, as fresh biases and scales are: it writes the tensor once,
 * and an Identity node for each further name. Layers that share one parameter in PyTorch read the
 * same initializer without an Identity, and go on sharing it; but what is learned is never one with
 * what is measured, see separateStatistics.
 */
export function separateParameters(graph: Graph): Graph {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const replace = new Map<Node, readonly Node[]>();
  const initializers: Tensor[] = [];
  for (const node of graph.nodes) {
    const [input = ""] = node.input;
    const [name = ""] = node.output;
    const tensor = graph.initializers.get(input);
    if (node.opType !== "Identity" || !isStandardDomain(node.domain)) continue;
    if (tensor === undefined || isOverridable(graph, input) || outputs.has(name)) continue;
    replace.set(node, []);
    initializers.push({ ...tensor, name });
  }
  return separateStatistics(
    replace.size === 0 ? graph : changeGraph(graph, { replace, initializers }),
  );
}
