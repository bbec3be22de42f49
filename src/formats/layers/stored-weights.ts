import { intAttribute, intsAttribute } from "../../graph/attributes.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { constantValue } from "../../graph/constants.ts";
import { DataType } from "../../graph/data-type.ts";
import { changeGraph, changeNode, takenNames } from "../../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import { nodeOrigin } from "../../graph/node-origin.ts";
import { readFloat64, readNumbers, roundedTensor } from "../../graph/numbers.ts";
import { elementCount, type Tensor } from "../../graph/tensor.ts";

/**
 * The graph with the weights that are computed from constants alone, as weight normalization
 * w = g·v/‖v‖ computes them (T. Salimans and D. Kingma, "Weight Normalization", 2016, eq. 2), in the
 * place of what computes them: a layer stores its weights. Sums are in float64 and rounded once.
 */
export function withStoredWeights(graph: Graph): Graph {
  const builder = new GraphBuilder(takenNames(graph));
  const stored = new Map<string, Tensor>();
  const replace = new Map<Node, readonly Node[]>();
  for (const node of graph.nodes) {
    if (nodeOrigin(node) === undefined) continue;
    const input = node.input.map((value) => {
      if (stored.has(value)) return (stored.get(value) as Tensor).name;
      if (!isProduct(graph, value)) return value;
      const numbers = numbersOf(graph, value, 0);
      if (numbers === undefined) return value;
      const name = builder.freshName(`${value}_stored`);
      const tensor = roundedTensor(name, numbers.dims, DataType.FLOAT, numbers.values);
      stored.set(value, tensor);
      return name;
    });
    if (input.some((value, position) => value !== node.input[position])) {
      replace.set(node, [changeNode(node, { input })]);
    }
  }
  if (replace.size === 0) return graph;
  return changeGraph(graph, { replace, initializers: [...stored.values()] });
}

interface Numbers {
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

/** The operators that weight normalization consists of; longer formulas are none of ours. */
const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
};

const LONGEST_FORMULA = 12;

function isProduct(graph: Graph, value: string): boolean {
  const producer = indexOf(graph).producer(value);
  if (producer === undefined || nodeOrigin(producer) !== undefined) return false;
  const carrier = producer.opType === "Reshape" || producer.opType === "Transpose";
  return carrier ? isProduct(graph, producer.input[0] ?? "") : producer.opType in ARITHMETIC;
}

/** Undefined where the value is not one of constants and these operators alone. */
function numbersOf(graph: Graph, value: string, depth: number): Numbers | undefined {
  const constant = constantValue(graph, value);
  if (constant !== undefined) {
    const float = constant.dataType === DataType.FLOAT;
    return float ? { dims: constant.dims, values: readFloat64(constant) } : undefined;
  }
  const node = indexOf(graph).producer(value);
  if (node === undefined || !isStandardDomain(node.domain) || depth > LONGEST_FORMULA) {
    return undefined;
  }
  const read = (position: number) => numbersOf(graph, node.input[position] ?? "", depth + 1);
  const first = read(0);
  if (first === undefined) return undefined;
  if (node.opType === "ReduceL2") return norms(graph, node, first);
  if (node.opType === "Reshape") return reshaped(graph, node, first);
  const combine = ARITHMETIC[node.opType];
  const second = combine && read(1);
  return second && combined(first, second, combine);
}

/** ‖v‖ over some axes, which stay with size 1. */
function norms(graph: Graph, node: Node, { dims, values }: Numbers): Numbers | undefined {
  const listed = constantValue(graph, node.input[1] ?? "");
  const axes = intsAttribute(node, "axes") ?? (listed && readNumbers(listed));
  if (axes === undefined || intAttribute(node, "keepdims", 1) === 0) return undefined;
  const gone = new Set(axes.map((axis) => (axis < 0 ? axis + dims.length : axis)));
  const kept = dims.map((size, axis) => (gone.has(axis) ? 1 : size));
  const squares = new Float64Array(elementCount(kept));
  for (const [position, value] of values.entries()) {
    const place = positionIn(kept, dims, position);
    squares[place] = (squares[place] as number) + value * value;
  }
  return { dims: kept, values: squares.map(Math.sqrt) };
}

function reshaped(graph: Graph, node: Node, { values }: Numbers): Numbers | undefined {
  const shape = constantValue(graph, node.input[1] ?? "");
  const dims = shape && readNumbers(shape);
  return dims && elementCount(dims) === values.length ? { dims, values } : undefined;
}

function combined(
  a: Numbers,
  b: Numbers,
  combine: (a: number, b: number) => number,
): Numbers | undefined {
  if (a.dims.length !== b.dims.length) return undefined;
  const dims = a.dims.map((size, axis) => Math.max(size, b.dims[axis] ?? 1));
  const values = new Float64Array(elementCount(dims)).map((_, position) =>
    combine(
      a.values[positionIn(a.dims, dims, position)] as number,
      b.values[positionIn(b.dims, dims, position)] as number,
    ),
  );
  return { dims, values };
}

/** Where the element of a tensor of sizes `whole` lies in one of sizes `dims`, 1 standing for any. */
function positionIn(dims: readonly number[], whole: readonly number[], position: number): number {
  let rest = position;
  let place = 0;
  let stride = 1;
  for (let axis = whole.length - 1; axis >= 0; axis--) {
    const size = whole[axis] as number;
    if (dims[axis] !== 1) place += (rest % size) * stride;
    rest = Math.floor(rest / size);
    stride *= dims[axis] as number;
  }
  return place;
}
