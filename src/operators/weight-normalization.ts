import { intAttribute } from "../graph/attributes.ts";
import { constantValue } from "../graph/constants.ts";
import { DataType } from "../graph/data-type.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { readFloat64, readNumbers, roundedTensor } from "../graph/numbers.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import { reducedAxes } from "./reduced-axes.ts";
import { sumOverAxes } from "./unit-sums.ts";

/**
 * Weight normalization w = g·v/‖v‖ (T. Salimans and D. Kingma, "Weight Normalization", 2016, eq. 2)
 * written as plain operators on constants: a product of g and v in any order, divided once by a
 * norm of v. PyTorch exports (v/‖v‖)·g or v·(g/‖v‖), with the norm taken of v as it is stored or of
 * v with its axes moved.
 */
export interface WeightNormalization {
  /** The Mul or Div whose output is w. */
  readonly node: Node;
  /** The values g and v as the product reads them. */
  readonly magnitude: string;
  readonly direction: string;
  /** ‖v‖, in the shape in which it divides. */
  readonly norm: string;
  /** The operator that takes the norm, and the value it takes it of. */
  readonly reduction: Reduction;
}

interface Reduction {
  /** Its output is the norm. */
  readonly root: Node;
  /** Sums squares over axes; the same node as root for ReduceL2. */
  readonly sum: Node;
  /** v, its axes perhaps moved. */
  readonly input: string;
}

/** Products longer than this are none of ours. */
const MOST_FACTORS = 8;

/** Operators behind which a tensor is the same numbers. */
const CARRIERS: ReadonlySet<string> = new Set([
  "Identity",
  "Cast",
  "Reshape",
  "Transpose",
  "Squeeze",
  "Unsqueeze",
]);

/** The form whose last operator is this node; undefined for any other. Decodes no weights. */
export function weightNormalization(graph: Graph, node: Node): WeightNormalization | undefined {
  if (!isStandardDomain(node.domain) || (node.opType !== "Mul" && node.opType !== "Div")) {
    return undefined;
  }
  const factors = factorsOf(graph, node);
  const [norm, ...otherNorms] = factors.under;
  if (norm === undefined || otherNorms.length > 0 || factors.over.length !== 2) return undefined;
  const reduction = reductionBehind(graph, norm);
  if (reduction === undefined) return undefined;
  const source = behindCarriers(graph, reduction.input);
  const direction = factors.over.find((value) => behindCarriers(graph, value) === source);
  const magnitude = factors.over.find((value) => value !== direction);
  if (direction === undefined || magnitude === undefined) return undefined;
  const known = [direction, magnitude, reduction.input].every(
    (value) => constantValue(graph, value) !== undefined,
  );
  return known ? { node, magnitude, direction, norm, reduction } : undefined;
}

interface Factors {
  readonly over: readonly string[];
  readonly under: readonly string[];
}

/** w as a quotient of products. */
function factorsOf(graph: Graph, node: Node): Factors {
  const over: string[] = [];
  const under: string[] = [];
  const visit = (value: string, above: boolean): void => {
    const producer = indexOf(graph).producer(value);
    const product = producer !== undefined && isStandardDomain(producer.domain);
    const full = over.length + under.length > MOST_FACTORS;
    if (product && !full && (producer.opType === "Mul" || producer.opType === "Div")) {
      const [left = "", right = ""] = producer.input;
      visit(left, above);
      visit(right, producer.opType === "Mul" ? above : !above);
    } else {
      (above ? over : under).push(value);
    }
  };
  visit(node.output[0] ?? "", true);
  return { over, under };
}

/** ReduceL2(v), or the root of ReduceSumSquare(v), ReduceSum(v·v) or ReduceSum(v²). */
function reductionBehind(graph: Graph, norm: string): Reduction | undefined {
  const root = producerBehind(graph, norm);
  if (root?.opType === "ReduceL2") return { root, sum: root, input: root.input[0] ?? "" };
  if (root === undefined || !isRoot(graph, root)) return undefined;
  const sum = producerBehind(graph, root.input[0] ?? "");
  if (sum?.opType === "ReduceSumSquare") return { root, sum, input: sum.input[0] ?? "" };
  const square = sum?.opType === "ReduceSum" && producerBehind(graph, sum.input[0] ?? "");
  if (sum === undefined || !square) return undefined;
  const [input = "", other = ""] = square.input;
  const multiplied = square.opType === "Mul" && input === other;
  const raised = square.opType === "Pow" && exponent(graph, square) === 2;
  return multiplied || raised ? { root, sum, input } : undefined;
}

function isRoot(graph: Graph, node: Node): boolean {
  return node.opType === "Sqrt" || (node.opType === "Pow" && exponent(graph, node) === 0.5);
}

function exponent(graph: Graph, node: Node): number | undefined {
  const tensor = constantValue(graph, node.input[1] ?? "");
  return tensor === undefined || elementCount(tensor.dims) !== 1
    ? undefined
    : readNumbers(tensor)[0];
}

/** The node that computes a value, behind those that only pass it on. */
function producerBehind(graph: Graph, value: string): Node | undefined {
  return indexOf(graph).producer(behindCarriers(graph, value));
}

/** The name of the value behind nodes that only pass it on. */
export function behindCarriers(graph: Graph, value: string): string {
  const seen = new Set<string>();
  let name = value;
  while (!seen.has(name)) {
    seen.add(name);
    const producer = indexOf(graph).producer(name);
    const carries = producer !== undefined && isStandardDomain(producer.domain);
    if (!carries || !CARRIERS.has(producer.opType)) return name;
    name = producer.input[0] ?? "";
  }
  return value;
}

/**
 * ‖v‖ in float64 and in the shape in which it divides.
 *
 * @param direction other numbers for the stored tensor v; its own when left out.
 * @returns undefined where the axes of the norm are not constant.
 */
export function directionNorm(
  graph: Graph,
  { reduction, norm }: WeightNormalization,
  direction?: Tensor,
): Tensor | undefined {
  const { root, sum, input } = reduction;
  const source = direction === undefined ? graph : withTensors(graph, [direction]);
  const vector = constantValue(source, input);
  if (vector === undefined) return undefined;
  const axes = reducedAxes(
    { node: sum, constant: (index) => constantValue(graph, sum.input[index] ?? "") },
    vector.dims.length,
  );
  if (axes === undefined) return undefined;
  const sums = sumOverAxes(readFloat64(vector), vector.dims, axes, (value) => value * value);
  const dims = reducedDims(vector.dims, axes, intAttribute(sum, "keepdims", 1) !== 0);
  const name = root.output[0] ?? "";
  const length = roundedTensor(name, dims, DataType.DOUBLE, sums.map(Math.sqrt));
  // Whatever gives the norm another shape on its way to the division does so to this one.
  return constantValue(withTensors(graph, [length]), norm);
}

function reducedDims(dims: readonly number[], axes: readonly number[], keep: boolean) {
  return dims.flatMap((size, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [size]));
}

function withTensors(graph: Graph, tensors: readonly Tensor[]): Graph {
  const initializers = new Map(graph.initializers);
  for (const tensor of tensors) initializers.set(tensor.name, tensor);
  return { ...graph, initializers };
}
