import { type LayersSource, layersSource } from "../formats/layers/layers-source.ts";
import { modelChunks, totalBytes } from "../formats/onnx/chunks.ts";
import { onnxSource } from "../formats/onnx/source.ts";
import { tfjsGraphSource } from "../formats/tfjs-graph/source.ts";
import { isFloatingPoint } from "../graph/data-type.ts";
import type { Graph } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import type { GraphCount } from "../protocol/reports.ts";

/** What a before/after comparison counts. */
export function graphCount(graph: Graph): GraphCount {
  return {
    nodes: graph.nodes.length,
    parameters: parameterCount(graph),
    bytes: modelBytes(graph),
    operators: operatorCounts(graph),
  };
}

/**
 * Elements of all floating-point initializers, running statistics included; not single numbers without
 * an axis, such as a dropout rate, which are constants of the computation.
 */
function parameterCount(graph: Graph): number {
  let count = 0;
  for (const tensor of graph.initializers.values()) {
    if (isFloatingPoint(tensor.dataType) && tensor.dims.length > 0) {
      count += elementCount(tensor.dims);
    }
  }
  return count;
}

/** Size of the model as it would be saved, external data included. */
function modelBytes(graph: Graph): number {
  const layers = layersSource(graph) ?? tfjsGraphSource(graph);
  if (layers !== undefined) return layersBytes(graph, layers);
  const external = onnxSource(graph)?.externalBytes ?? 0;
  return totalBytes(modelChunks(graph, { inlineExternalData: false })) + external;
}

/** The size read, more or less what the weights have grown or shrunk by. */
function layersBytes(
  graph: Graph,
  { read, totalBytes: before }: Pick<LayersSource, "read" | "totalBytes">,
): number {
  const weights = ({ initializers }: Graph) =>
    [...initializers.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  return before + weights(graph) - weights(read);
}

/** Nodes by operator, the most frequent first. Operators of other domains carry their domain. */
function operatorCounts(graph: Graph): Record<string, number> {
  const counts = new Map<string, number>();
  for (const node of graph.nodes) {
    const name = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}
