import type { AttributeProto, TensorProto } from "onnx-buf";
import { findAttribute } from "./attributes.ts";
import { DataType } from "./data-type.ts";
import { type Graph, type Immutable, isStandardDomain } from "./graph.ts";
import { indexOf } from "./index.ts";
import { messageTensor } from "./message-tensor.ts";
import { float32Tensor, int64Tensor, type Tensor } from "./tensor.ts";

/** Identity chains longer than this are refused: a cycle, or a file made to be slow. */
const LONGEST_CHAIN = 64;

/**
 * The tensor a value always equals: an initializer that no caller can override, a Constant, or
 * either of them behind Identity nodes; undefined when the value is known only at run time.
 *
 * The tensor keeps the name under which it is stored, which for Constant is the node's output.
 */
export function constantValue(graph: Graph, value: string): Tensor | undefined {
  const index = indexOf(graph);
  let name = value;
  for (let step = 0; step < LONGEST_CHAIN; step++) {
    const initializer = graph.initializers.get(name);
    if (initializer !== undefined) return isOverridable(graph, name) ? undefined : initializer;
    const producer = index.producer(name);
    if (producer === undefined || !isStandardDomain(producer.domain)) return undefined;
    if (producer.opType === "Constant") return constantNodeTensor(producer, name);
    if (producer.opType !== "Identity") return undefined;
    name = producer.input[0] ?? "";
  }
  return undefined;
}

/** From IR version 4 an initializer that is also a graph input is only a default value. */
export function isOverridable(graph: Graph, name: string): boolean {
  return graph.irVersion >= 4 && indexOf(graph).isInput(name);
}

function constantNodeTensor(node: Graph["nodes"][number], name: string): Tensor | undefined {
  const value = findAttribute(node, "value");
  if (value?.t !== undefined)
    return renamed(messageTensor(value.t as Immutable<TensorProto>), name);
  const read: Record<string, (attribute: Immutable<AttributeProto>) => Tensor> = {
    value_float: (attribute) => float32Tensor(name, [], [attribute.f]),
    value_floats: (attribute) => float32Tensor(name, [attribute.floats.length], attribute.floats),
    value_int: (attribute) => int64Tensor(name, [], [Number(attribute.i)]),
    value_ints: (attribute) =>
      int64Tensor(name, [attribute.ints.length], attribute.ints.map(Number)),
  };
  for (const [attributeName, make] of Object.entries(read)) {
    const attribute = findAttribute(node, attributeName);
    if (attribute !== undefined) return make(attribute);
  }
  return undefined;
}

function renamed(tensor: Tensor, name: string): Tensor {
  return { ...tensor, name };
}

/** True for a tensor of whole numbers that shapes and axes are given in. */
export function isIndexTensor(tensor: Tensor): boolean {
  return tensor.dataType === DataType.INT64 || tensor.dataType === DataType.INT32;
}
