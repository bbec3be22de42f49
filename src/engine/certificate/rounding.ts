import { seededRandom } from "../../data/random.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import { constantValue } from "../../graph/constants.ts";
import { DataType } from "../../graph/data-type.ts";
import { changeGraph, takenNames } from "../../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { RuntimeTensor, RuntimeType, Tensors } from "../../runtime/runtime.ts";
import type { Comparison } from "./compare.ts";
import { rescaled } from "./rescale.ts";

/**
 * What rounding alone explains is measured on the original model: every stored number and every
 * input moves by one unit in its last place, up or down at random,
 * convolutions are rescaled by random factors and back, and the original is run again. A correct
 * rewrite does no more than that: it rounds each stored number once (half a unit) and has the sums
 * rounded differently.
 *
 * This is backward error analysis by experiment; it follows the model's own conditioning, so a deep
 * network or one that cancels large numbers gets the tolerance that its arithmetic deserves and no
 * other one does. Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd
 * edition, sections 1.5 and 3.1; W. Kahan calls it randomized perturbation of the last digit.
 */

/**
 * How many times the measured rounding a right rewrite may differ. Two runs that each err by the
 * measured amount differ by twice as much, and sums of many terms gather more than one draw shows.
 */
const SAFETY = 4;

/** Units of the channel's own scale on top: the last operation rounds even where a draw is lucky. */
const FLOOR_UNITS = 4;

/**
 * Units of the whole tensor's scale on top: a channel that cancels to nothing in the original is
 * not compared with exactly nothing.
 */
const SHARED_FLOOR_UNITS = 0.01;

/** Distance from 1 to the next larger number, by type. Whole numbers have none. */
const UNITS: Partial<Record<RuntimeType, number>> = {
  float16: 2 ** -10,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/** One draw of a few elements says little; below this many the worst channel speaks for all. */
const RELIABLE_ELEMENTS = 32;

/** A channel that varies less than this share of its scale is one number, however often repeated. */
const VARIED_SHARE = 2 ** -10;

/**
 * The largest difference that rounding explains in each channel.
 *
 * @param measured the original against its moved copies, one comparison a draw.
 * @param constant the input was constant, so that a channel's elements are copies of few values.
 */
export function explainedByRounding(
  measured: readonly Comparison[],
  channels: number,
  constant: boolean,
): Float64Array {
  const explained = new Float64Array(channels);
  for (const { difference } of measured) {
    for (let c = 0; c < channels; c++) {
      const value = difference[c] as number;
      if (Number.isFinite(value)) explained[c] = Math.max(explained[c] as number, value);
    }
  }
  const first = measured[0];
  if (first === undefined) return explained;
  const few = constant || first.elementsPerChannel < RELIABLE_ELEMENTS;
  const worst = explained.reduce((a, b) => Math.max(a, b), 0);
  return explained.map((value, c) => {
    const varied = (first.range[c] as number) > (first.scale[c] as number) * VARIED_SHARE;
    return few || !varied ? worst : value;
  });
}

/** The difference up to which two channels count as equal. */
export function toleranceOf(
  explained: number,
  channelScale: number,
  tensorScale: number,
  type: RuntimeType,
): number {
  const floor = FLOOR_UNITS * channelScale + SHARED_FLOOR_UNITS * tensorScale;
  return SAFETY * explained + floor * (UNITS[type] ?? 0);
}

/** Operators that compute with their floating-point inputs, rather than take sizes from them. */
const ARITHMETIC: ReadonlySet<string> = new Set(
  (
    "Add BatchNormalization Cast Conv ConvTranspose Div Einsum GRU Gemm GroupNormalization Identity " +
    "InstanceNormalization LSTM LayerNormalization MatMul Max Min Mul PRelu RNN Squeeze Sub Sum " +
    "Transpose Unsqueeze"
  ).split(" "),
);

/**
 * The original with its convolutions rescaled (rescale.ts) and every other stored number moved by
 * one unit in the last place.
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
    for (const value of node.input.slice(1)) taken.add(value);
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
