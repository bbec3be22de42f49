import { TensorProto_DataLocation } from "onnx-buf";
import type { Graph, Node } from "../../graph/graph.ts";
import { bodiesOf } from "../../graph/index.ts";
import { InputError } from "../../graph/input-error.ts";

/**
 * Refuses to take a model away from external data that a node refers to (a Constant, or an
 * initializer of a subgraph), because that reference would then lead nowhere.
 */
export function refuseNestedExternalData(graph: Graph): void {
  for (const [position, node] of graph.nodes.entries()) {
    const tensor = externalTensorIn(node);
    if (tensor === undefined) continue;
    throw new InputError(
      `node ${position} (${node.opType} ${node.name}) has external data in its tensor ${JSON.stringify(tensor)}; save the model into the folder of that data`,
    );
  }
}

function externalTensorIn(node: Node): string | undefined {
  const waiting: Node[] = [node];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const bodies = bodiesOf(next);
    const tensors = [
      ...next.attribute.flatMap(({ t, tensors }) => (t === undefined ? tensors : [t, ...tensors])),
      ...bodies.flatMap((body) => body.initializer),
    ];
    const external = tensors.find((t) => t.dataLocation === TensorProto_DataLocation.EXTERNAL);
    if (external !== undefined) return external.name;
    for (const body of bodies) for (const inner of body.node) waiting.push(inner);
  }
  return undefined;
}
