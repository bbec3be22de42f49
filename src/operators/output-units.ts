import { intAttribute } from "../graph/attributes.ts";
import { isStandardDomain, type Node } from "../graph/graph.ts";
import { rangeOf } from "./shape-algebra.ts";

/**
 * Which weights of a linear layer belong to one output unit (a channel of a convolution, a neuron
 * of a dense layer). Seen in the shape `view`, they differ along the `reduced` axes only, and there
 * is one unit for each position along the others.
 *
 * - Conv (M, C/group, k…): all axes but the first
 * - ConvTranspose (C, M/group, k…): all axes but the second; with several groups C splits into
 *   (group, C/group), and there is one unit for each group and second index
 * - Gemm (K, N), or (N, K) where transB is set: K
 * - MatMul, weight on the right (…, K, N): K, in each matrix of a stack; on the left (…, M, K): K
 */
export interface OutputUnits {
  /** The weight's own shape, or one with the same row-major elements. */
  readonly view: readonly number[];
  readonly reduced: readonly number[];
}

/**
 * The output units of the weight of this shape at an input of a node; undefined where the node is
 * no linear layer with a weight there, or where the shape does not fit.
 */
export function outputUnits(
  node: Node,
  input: number,
  dims: readonly number[],
): OutputUnits | undefined {
  if (!isStandardDomain(node.domain)) return undefined;
  const rank = dims.length;
  switch (node.opType) {
    case "Conv":
      return input === 1 && rank >= 3 ? { view: dims, reduced: rangeOf(rank - 1, 1) } : undefined;
    case "ConvTranspose":
      return input === 1 && rank >= 3
        ? transposedUnits(dims, intAttribute(node, "group", 1))
        : undefined;
    case "Gemm": {
      if (input !== 1 || rank !== 2) return undefined;
      return { view: dims, reduced: [intAttribute(node, "transB", 0) !== 0 ? 1 : 0] };
    }
    case "MatMul":
      return rank >= 2 && input <= 1
        ? { view: dims, reduced: [input === 1 ? rank - 2 : rank - 1] }
        : undefined;
    default:
      return undefined;
  }
}

function transposedUnits(dims: readonly number[], groups: number): OutputUnits | undefined {
  const [inputs = 0, ...rest] = dims;
  if (groups === 1) return { view: dims, reduced: [0, ...rangeOf(rest.length - 1, 2)] };
  if (groups < 1 || inputs % groups !== 0) return undefined;
  const view = [groups, inputs / groups, ...rest];
  return { view, reduced: [1, ...rangeOf(rest.length - 1, 3)] };
}

/** The shape of one number a unit that broadcasts over the view: the reduced axes have size 1. */
export function unitShape({ view, reduced }: OutputUnits): readonly number[] {
  return view.map((size, axis) => (reduced.includes(axis) ? 1 : size));
}
