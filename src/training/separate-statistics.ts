import { GraphBuilder } from "../graph/builder.ts";
import { isOverridable } from "../graph/constants.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { Tensor } from "../graph/tensor.ts";
import { runningStatistics } from "./initialize.ts";

/**
 * The model with a tensor of its own for each running statistic that is also read as something else.
 * Tools that store equal tensors once, such as onnx-simplifier, let a fresh BatchNorm read one tensor
 * of zeros as shift and as mean; but a shift is learned and a mean is measured. Nodes that read the
 * same tensors throughout are one layer that is used several times, and keep one statistic.
 */
export function separateStatistics(graph: Graph): Graph {
  const builder = new GraphBuilder(takenNames(graph));
  const replace = new Map<Node, readonly Node[]>();
  const separate = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    const input = [...node.input];
    for (const [position] of runningStatistics(node)) {
      const tensor = graph.initializers.get(input[position] ?? "");
      if (tensor === undefined || isOverridable(graph, tensor.name)) continue;
      if (!readOtherwise(graph, tensor.name, node, position)) continue;
      const key = JSON.stringify([position, ...node.input.slice(1)]);
      const own = separate.get(key) ?? {
        ...tensor,
        name: builder.freshName(`${tensor.name}.statistic`),
      };
      separate.set(key, own);
      input[position] = own.name;
      replace.set(node, [changeNode(node, { input })]);
    }
  }
  if (replace.size === 0) return graph;
  return changeGraph(graph, { replace, initializers: [...separate.values()] });
}

/** Whether the tensor is more than this statistic of this layer. */
function readOtherwise(graph: Graph, name: string, layer: Node, position: number): boolean {
  const tensors = JSON.stringify(layer.input.slice(1));
  return indexOf(graph)
    .uses(name)
    .some(
      ({ node, input }) => input !== position || JSON.stringify(node.input.slice(1)) !== tensors,
    );
}
