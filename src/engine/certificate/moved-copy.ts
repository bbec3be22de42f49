import { seededRandom } from "../../data/random.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { constantValue } from "../../graph/constants.ts";
import { DataType } from "../../graph/data-type.ts";
import { changeGraph, takenNames } from "../../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { RuntimeTensor, Tensors } from "../../runtime/runtime.ts";
import { rescaled } from "./rescale.ts";

/** Operators that compute with their floating-point inputs, rather than take sizes from them. */
const ARITHMETIC: ReadonlySet<string> = new Set(
  (
    "Add BatchNormalization Cast Conv ConvTranspose Div Einsum GRU Gemm GroupNormalization Identity " +
    "InstanceNormalization LSTM LayerNormalization MatMul Max Min Mul PRelu RNN Squeeze Sub Sum " +
    "Transpose Unsqueeze"
  ).split(" "),
);

/**
 * Types whose products are summed up in a wider one, so that rescaling rounds less than a fold does
 * when it stores a weight.
 */
const NARROW: ReadonlySet<DataType> = new Set([DataType.FLOAT16, DataType.BFLOAT16]);

/**
 * The original with its linear operators rescaled (rescale.ts) and every other stored number moved
 * by one unit in the last place.
 */
export function movedByRounding(graph: Graph, seed: number): Graph {
  const random = seededRandom(seed, "rounding");
  const names = new GraphBuilder(takenNames(graph));
  const initializers: Tensor[] = [];
  const replace = new Map<Node, readonly Node[]>();
  const taken = new Set<string>();
  for (const node of graph.nodes) {
    const changed = rescaled(graph, node, names, random);
    if (changed === undefined) continue;
    replace.set(node, changed.nodes);
    initializers.push(...changed.initializers);
    for (const value of changed.covered) {
      const type = constantValue(graph, value)?.dataType;
      if (type === undefined || !NARROW.has(type)) taken.add(value);
    }
  }
  for (const [name, tensor] of graph.initializers) {
    if (taken.has(name) || !isArithmetic(graph, name)) continue;
    initializers.push(moved(tensor, random.nextUint32()));
  }
  for (const node of graph.nodes) {
    const value = node.output[0] ?? "";
    if (node.opType !== "Constant" || taken.has(value) || !isArithmetic(graph, value)) continue;
    const tensor = constantValue(graph, value);
    if (tensor === undefined || indexOf(graph).isOutput(value)) continue;
    initializers.push(moved(tensor, random.nextUint32()));
    replace.set(node, []);
  }
  return changeGraph(graph, { replace, initializers });
}

function isArithmetic(graph: Graph, value: string): boolean {
  const uses = indexOf(graph).uses(value);
  return (
    uses.length > 0 &&
    uses.every(({ node }) => isStandardDomain(node.domain) && ARITHMETIC.has(node.opType))
  );
}

/** Other types than these are left as they are. */
function moved(tensor: Tensor, seed: number): Tensor {
  const { dataType, data } = tensor;
  const read = () => {
    const bytes = data.read().slice();
    if (dataType === DataType.FLOAT) moveBits(new Int32Array(bytes.buffer), 0x7f800000, seed);
    else if (dataType === DataType.DOUBLE) moveDoubles(bytes, seed);
    else if (dataType === DataType.FLOAT16) moveBits(new Int16Array(bytes.buffer), 0x7c00, seed);
    else if (dataType === DataType.BFLOAT16) moveBits(new Int16Array(bytes.buffer), 0x7f80, seed);
    return bytes;
  };
  return { ...tensor, data: { encoding: "memory", byteLength: data.byteLength, read } };
}

/** The same for the inputs of a run. */
export function movedFeeds(feeds: Tensors, seed: number): Tensors {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => [name, movedTensor(tensor, seed)] as const),
  );
}

function movedTensor(tensor: RuntimeTensor, seed: number): RuntimeTensor {
  const { data } = tensor;
  if (data instanceof Float32Array) {
    const copy = data.slice();
    moveBits(new Int32Array(copy.buffer), 0x7f800000, seed);
    return { ...tensor, data: copy };
  }
  if (tensor.type === "float16" && data instanceof Uint16Array) {
    const copy = data.slice();
    moveBits(new Int16Array(copy.buffer), 0x7c00, seed);
    return { ...tensor, data: copy };
  }
  return tensor;
}

/**
 * Neighbouring floating-point numbers of one sign have neighbouring bit patterns, so adding −1
 * or 1 to the pattern is a step of one unit. Zeros stay, as does what is not finite.
 *
 * @param exponent mask of the exponent's bits; all set means infinity or NaN.
 */
function moveBits(patterns: Int32Array | Int16Array, exponent: number, seed: number): void {
  let state = seed | 1;
  for (let i = 0; i < patterns.length; i++) {
    // xorshift32 (G. Marsaglia, 2003): 25 million weights have to take a tenth of a second.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const pattern = patterns[i] as number;
    const bits = pattern & exponent;
    if (bits === 0 || bits === exponent) continue;
    const step = (state & 2) - 1;
    // A step that would leave the finite numbers is not taken.
    if (((pattern + step) & exponent) !== exponent) patterns[i] = pattern + step;
  }
}

function moveDoubles(bytes: Uint8Array, seed: number): void {
  const random = seededRandom(seed, "doubles");
  const values = new Float64Array(bytes.buffer);
  for (let i = 0; i < values.length; i++) {
    values[i] = (values[i] as number) * (1 + ((random.nextUint32() & 2) - 1) * 2 ** -52);
  }
}
