import { type Random, seededRandom } from "../data/random.ts";
import { intAttribute } from "../graph/attributes.ts";
import { constantValue } from "../graph/constants.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { nodeRole } from "../graph/node-role.ts";
import { elementCount } from "../graph/tensor.ts";
import type { ActivationFamily } from "../operators/nonlinearities.ts";
import { followingActivation } from "./activations.ts";
import type { Parameter } from "./parameters.ts";
import { magnitudeOf, weightNorms } from "./weight-norms.ts";

/**
 * Fresh values of every parameter.
 *
 * Weights before a rectifier: N(0, 2/fanIn), K. He et al., "Delving Deep into Rectifiers" (2015),
 * eq. 10. All other weights: U(±√(6/(fanIn + fanOut))), X. Glorot and Y. Bengio, "Understanding the
 * difficulty of training deep feedforward neural networks" (2010), eq. 16. Biases and shifts 0,
 * scales 1, PReLU slopes 0.25 (He et al.), embeddings N(0, 1). Weights of LSTM, GRU and RNN with hidden
 * size H: U(±1/√H), as PyTorch.
 *
 * Behind weight normalization w = g·v/‖v‖, v is drawn as the weight would be and g becomes ‖v‖, so
 * that training starts at the same distribution of w (T. Salimans and D. Kingma, "Weight
 * Normalization", 2016).
 */
export function freshParameters(
  graph: Graph,
  parameters: readonly Parameter[],
  seed: number,
): ReadonlyMap<string, Float32Array> {
  const random = seededRandom(seed, "weights");
  const fresh = new Map<string, Float32Array>();
  for (const parameter of parameters) {
    // The strength of noise starts where the pass that put it in has set it.
    if (parameter.role === "magnitude" || parameter.role === "noise") continue;
    fresh.set(parameter.name, draw(graph, parameter, random));
  }
  for (const norm of weightNorms(graph)) {
    const direction = fresh.get(norm.direction);
    const magnitude = direction && magnitudeOf(graph, norm, direction);
    if (magnitude !== undefined) fresh.set(norm.magnitude, magnitude);
  }
  return fresh;
}

/**
 * Fresh running statistics: mean 0 and variance 1, so that an untrained BatchNormalization, mean-only
 * or not, passes its input on unchanged.
 */
export function freshStates(
  graph: Graph,
  states: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, Float32Array> {
  const fresh = new Map(states);
  for (const node of graph.nodes) {
    for (const [input, start] of runningStatistics(node)) {
      const name = constantValue(graph, node.input[input] ?? "")?.name ?? "";
      const values = states.get(name);
      if (values !== undefined) fresh.set(name, new Float32Array(values.length).fill(start));
    }
  }
  return fresh;
}

/** The inputs at which a node reads running statistics, with their fresh values. */
export function runningStatistics(
  node: Node,
): readonly (readonly [input: number, start: number])[] {
  if (nodeRole(node) === "mean-only-batch-norm") return [[1, 0]];
  return node.opType === "BatchNormalization"
    ? [
        [3, 0],
        [4, 1],
      ]
    : [];
}

/** How many gates of the hidden size stand in the second dimension of W and R. */
const RECURRENT_PARTS: Readonly<Record<string, number>> = { LSTM: 4, GRU: 3, RNN: 1 };

/** The input of an LSTM at which its three peepholes are. */
const PEEPHOLES = 7;

function draw(graph: Graph, parameter: Parameter, random: Random): Float32Array {
  const length = elementCount(parameter.dims);
  if (parameter.role === "bias" || parameter.role === "shift") return new Float32Array(length);
  if (parameter.role === "scale") return new Float32Array(length).fill(1);
  if (parameter.role === "slope") return new Float32Array(length).fill(0.25);
  if (parameter.node.opType === "Gather") return filled(length, () => random.normal());
  const parts = RECURRENT_PARTS[parameter.node.opType];
  if (parts !== undefined) {
    const hidden = (parameter.dims[1] ?? 1) / (parameter.input === PEEPHOLES ? 3 : parts);
    return filled(length, () => (2 * random.uniform() - 1) / Math.sqrt(hidden));
  }
  const { fanIn, fanOut } = fans(parameter);
  const family: ActivationFamily | undefined = followingActivation(graph, parameter.node);
  if (family === "rectifier") {
    const deviation = Math.sqrt(2 / fanIn);
    return filled(length, () => deviation * random.normal());
  }
  const limit = Math.sqrt(6 / (fanIn + fanOut));
  return filled(length, () => limit * (2 * random.uniform() - 1));
}

function filled(length: number, next: () => number): Float32Array {
  return Float32Array.from({ length }, next);
}

/** How many numbers enter one unit, and how many units one number enters. */
function fans({ node, dims, input }: Parameter): { fanIn: number; fanOut: number } {
  const [first = 1, second = 1] = dims;
  const positions = elementCount(dims.slice(2));
  const group = intAttribute(node, "group", 1);
  if (node.opType === "Conv")
    return { fanIn: second * positions, fanOut: (first / group) * positions };
  if (node.opType === "ConvTranspose") {
    return { fanIn: (first / group) * positions, fanOut: second * positions };
  }
  const rows = dims.at(-2) ?? 1;
  const columns = dims.at(-1) ?? 1;
  const outputsFirst =
    node.opType === "Gemm" && intAttribute(node, input === 1 ? "transB" : "transA", 0) === 1;
  const acrossColumns = (input === 1) === outputsFirst;
  return acrossColumns ? { fanIn: columns, fanOut: rows } : { fanIn: rows, fanOut: columns };
}
