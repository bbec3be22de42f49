import type { AttributeProto, TensorProto } from "onnx-buf";
import { findAttribute, intAttribute, intsAttribute } from "./attributes.ts";
import { DataType, elementBits, isFloatingPoint } from "./data-type.ts";
import { type Graph, type Immutable, isStandardDomain, type Node } from "./graph.ts";
import { indexOf } from "./index.ts";
import { messageTensor } from "./message-tensor.ts";
import { readFloat64, readNumbers, roundedTensor } from "./numbers.ts";
import { elementCount, float32Tensor, int64Tensor, type Tensor } from "./tensor.ts";
import { transposeBytes } from "./transpose-bytes.ts";

/** Chains longer than this are refused: a cycle, or a file made to be slow. */
const LONGEST_CHAIN = 64;

/** Longer ones are data, not what an operator is told. */
const LONGEST_LIST = 64;

/**
 * The tensor a value always equals: an initializer that no caller can override, a Constant, or
 * either of them behind nodes that only pass it on in another shape or floating-point type;
 * undefined when the value is known only at run time.
 *
 * The tensor keeps the name under which it is stored, which for Constant is the node's output; in
 * another shape or type it is another tensor, and has the value's name.
 */
export function constantValue(graph: Graph, value: string): Tensor | undefined {
  const carriers: Node[] = [];
  let name = value;
  for (let step = 0; step < LONGEST_CHAIN; step++) {
    const stored = storedValue(graph, name);
    if (stored !== undefined) return carried(graph, carriers, stored, value);
    const producer = indexOf(graph).producer(name);
    if (producer === undefined || !isStandardDomain(producer.domain)) return undefined;
    if (graph.initializers.has(name) || !(producer.opType in CARRIERS)) return undefined;
    carriers.push(producer);
    name = producer.input[0] ?? "";
  }
  return undefined;
}

/** An initializer that no caller can override, a Constant, or a list put together from Constants. */
function storedValue(graph: Graph, name: string): Tensor | undefined {
  const initializer = graph.initializers.get(name);
  if (initializer !== undefined) return isOverridable(graph, name) ? undefined : initializer;
  const producer = indexOf(graph).producer(name);
  if (producer === undefined || !isStandardDomain(producer.domain)) return undefined;
  if (producer.opType === "Concat") return joinedConstants(graph, producer, name);
  return producer.opType === "Constant" ? constantNodeTensor(producer, name) : undefined;
}

/** What PyTorch exports for the scales of a Resize: a few Constants of rank 1, one after the other. */
function joinedConstants(graph: Graph, node: Node, name: string): Tensor | undefined {
  const parts: Tensor[] = [];
  for (const input of node.input) {
    const producer = graph.initializers.has(input) ? undefined : indexOf(graph).producer(input);
    const constant = producer?.opType === "Constant" && isStandardDomain(producer.domain);
    const part = constant ? constantNodeTensor(producer, input) : undefined;
    if (part === undefined || part.dims.length !== 1) return undefined;
    parts.push(part);
  }
  const [first] = parts;
  const count = parts.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0);
  if (first === undefined || count > LONGEST_LIST) return undefined;
  if (parts.some(({ dataType }) => dataType !== first.dataType)) return undefined;
  if ((elementBits(first.dataType) ?? 1) % 8 !== 0) return undefined;
  const bytes = Uint8Array.from(Buffer.concat(parts.map(({ data }) => data.read())));
  const data = { encoding: "memory", byteLength: bytes.length, read: () => bytes } as const;
  return { name, dims: [count], dataType: first.dataType, data };
}

/** What a node that passes a constant on makes of it; undefined where that is not known. */
type Carrier = (graph: Graph, node: Node, tensor: Tensor) => Tensor | undefined;

const CARRIERS: Readonly<Record<string, Carrier>> = {
  Identity: (_graph, _node, tensor) => tensor,
  Transpose: (_graph, node, tensor) => transposed(node, tensor),
  Cast: (_graph, node, tensor) => castTensor(tensor, intAttribute(node, "to", 0)),
  Reshape: (graph, node, tensor) => {
    const target = shortList(graph, node, 1, "shape");
    return target && withDims(tensor, reshapedDims(node, tensor.dims, target));
  },
  Squeeze: (graph, node, tensor) => {
    const axes = shortList(graph, node, 1, "axes")?.map((axis) => at(axis, tensor.dims.length));
    const kept = tensor.dims.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1));
    return withDims(tensor, kept);
  },
  Unsqueeze: (graph, node, tensor) => {
    const list = shortList(graph, node, 1, "axes");
    if (list === undefined) return undefined;
    const rank = tensor.dims.length + list.length;
    const axes = new Set(list.map((axis) => at(axis, rank)));
    const rest = [...tensor.dims];
    return withDims(
      tensor,
      Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() ?? 1))),
    );
  },
};

/** The tensor with its axes in another order, moved when the data is read. */
function transposed(node: Node, tensor: Tensor): Tensor | undefined {
  const rank = tensor.dims.length;
  const order = intsAttribute(node, "perm") ?? tensor.dims.map((_, axis) => rank - 1 - axis);
  const bits = elementBits(tensor.dataType);
  const valid = order.length === rank && new Set(order).size === rank;
  if (!valid || bits === undefined || bits % 8 !== 0) return undefined;
  const dims = order.map((axis) => tensor.dims[axis]);
  if (!dims.every((size) => size !== undefined)) return undefined;
  const read = () => transposeBytes(tensor.data.read(), tensor.dims, order, bits / 8);
  return {
    ...tensor,
    dims,
    data: { encoding: "memory", byteLength: tensor.data.byteLength, read },
  };
}

/** Applies the nodes between a stored tensor and its reader, the last pushed first. */
function carried(
  graph: Graph,
  carriers: readonly Node[],
  stored: Tensor,
  value: string,
): Tensor | undefined {
  const tensor = carriers.reduceRight<Tensor | undefined>(
    (each, node) => each && CARRIERS[node.opType]?.(graph, node, each),
    stored,
  );
  return tensor === undefined || tensor === stored ? tensor : { ...tensor, name: value };
}

/** Whole numbers given as an attribute, as older operator sets have them, or as a stored input. */
function shortList(graph: Graph, node: Node, position: number, attribute: string) {
  const value = node.input[position] ?? "";
  return value === "" ? intsAttribute(node, attribute) : storedList(graph, value);
}

/** Whole numbers that are stored, or put together from stored ones as PyTorch exports shapes. */
function storedList(graph: Graph, value: string): readonly number[] | undefined {
  const tensor = storedValue(graph, value);
  if (tensor !== undefined) return isIndexTensor(tensor) ? readNumbers(tensor) : undefined;
  const producer = indexOf(graph).producer(value);
  if (producer?.opType !== "Concat" || !isStandardDomain(producer.domain)) return undefined;
  const parts = producer.input.map((part) => storedValue(graph, part));
  const known = parts.filter((part) => part !== undefined && isIndexTensor(part));
  return known.length === parts.length
    ? known.flatMap((part) => readNumbers(part as Tensor))
    : undefined;
}

function reshapedDims(node: Node, dims: readonly number[], target: readonly number[]): number[] {
  const keepsZero = intAttribute(node, "allowzero", 0) !== 0;
  const sizes = target.map((size, axis) => (size === 0 && !keepsZero ? (dims[axis] ?? 0) : size));
  const rest = elementCount(sizes.filter((size) => size >= 0));
  return sizes.map((size) => (size < 0 ? elementCount(dims) / rest : size));
}

function withDims(tensor: Tensor, dims: readonly number[]): Tensor | undefined {
  const fits = elementCount(dims) === elementCount(tensor.dims);
  return fits ? { ...tensor, dims } : undefined;
}

/** Another floating-point type, converted when the data is read. */
function castTensor(tensor: Tensor, dataType: DataType): Tensor | undefined {
  if (tensor.dataType === dataType) return tensor;
  if (!isFloatingPoint(dataType) || !isFloatingPoint(tensor.dataType)) return undefined;
  const convert = () => roundedTensor("", tensor.dims, dataType, readFloat64(tensor)).data.read();
  const byteLength = (elementCount(tensor.dims) * (elementBits(dataType) ?? 0)) / 8;
  return { ...tensor, dataType, data: { encoding: "memory", byteLength, read: convert } };
}

function at(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
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
