import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import { GraphBuilder, makeValueInfo } from "../../graph/builder.ts";
import { changeNode, takenNames } from "../../graph/edit.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import type { RuntimeTensor } from "../../runtime/runtime.ts";
import { dataTypeOf } from "./element-types.ts";

/** The graph with more of its values as outputs. The runtime infers their types. */
export function withOutputs(graph: Graph, values: readonly string[]): Graph {
  const known = new Set(graph.outputs.map((output) => output.name));
  const added = [...new Set(values)]
    .filter((value) => !known.has(value))
    .map((name) => create(ValueInfoProtoSchema, { name }));
  return added.length === 0 ? graph : { ...graph, outputs: [...graph.outputs, ...added] };
}

export interface CutGraph {
  readonly graph: Graph;
  /** The output that carries what the cut value would have been. */
  readonly outputOf: ReadonlyMap<string, string>;
}

/**
 * Cuts a graph at some values: whoever reads one gets it from the caller, and what the graph itself
 * computes for it becomes an output. Given the values that another graph computed, each stretch
 * between two cuts is then compared alone, and rounding from further up does not blur it.
 *
 * @param values a tensor for each cut value, which tells its type and number of axes.
 */
export function cutAt(graph: Graph, values: ReadonlyMap<string, RuntimeTensor>): CutGraph {
  const names = new GraphBuilder(takenNames(graph));
  const index = indexOf(graph);
  const outputOf = new Map<string, string>();
  const inputs = [...graph.inputs];
  for (const [value, tensor] of values) {
    if (index.producer(value) === undefined) continue;
    outputOf.set(value, names.freshName(`${value}_computed`));
    const dims = tensor.dims.map((_, axis) => `${value}_axis${axis}`);
    inputs.push(makeValueInfo(value, dataTypeOf(tensor.type), dims));
  }
  const cut = (node: Node) =>
    node.output.some((value) => outputOf.has(value))
      ? changeNode(node, { output: node.output.map((value) => outputOf.get(value) ?? value) })
      : node;
  const outputs = [...outputOf.values()].map((name) => create(ValueInfoProtoSchema, { name }));
  const valueInfo = graph.valueInfo.filter((info) => !outputOf.has(info.name));
  return { graph: { ...graph, nodes: graph.nodes.map(cut), inputs, outputs, valueInfo }, outputOf };
}
