import { changeGraph } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import { float32Tensor, type Tensor } from "../graph/tensor.ts";

/**
 * The model with trained weights and running statistics in place of its own. Nodes, names, order
 * and everything else stay, so it is saved as the file it came from with other numbers.
 */
export function trainedModel(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Graph {
  const initializers = [...weights].map(([name, values]) => {
    const { dims } = graph.initializers.get(name) as Tensor;
    return float32Tensor(name, dims, values.slice());
  });
  return changeGraph(graph, { initializers });
}
