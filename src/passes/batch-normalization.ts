import { floatAttribute, intAttribute } from "../graph/attributes.ts";
import { type Graph, isStandardDomain, type Node, standardOpset } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { knownTensor, knownValues } from "./known-tensor.ts";
import { siteId } from "./pass.ts";
import { isRefusal, type Refusal, refuse } from "./refusal.ts";

/** y = scale·x + shift, one pair a channel, in float64. */
export interface AffineForm {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** What a BatchNormalization node computes, whatever version of the operator it is. */
export interface BatchNormalization {
  readonly node: Node;
  /** The normalized value and the result. */
  readonly input: string;
  readonly output: string;
  /** Number of channels, which is the size of axis 1. */
  readonly channels: number;
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly epsilon: number;
  /** Type of the stored parameters; from opset 15 on it may differ from the input's. */
  readonly parameterType: Tensor["dataType"];
  /** Shape of the parameters: [channels], or [channels, …] for the per-position form of opset ≤ 8. */
  readonly dims: readonly number[];
}

export type ParameterName = "gamma" | "beta" | "mean" | "variance";

/** Input position and the words for each parameter. */
const PARAMETERS: readonly (readonly [ParameterName, number, string])[] = [
  ["gamma", 1, "scale"],
  ["beta", 2, "shift"],
  ["mean", 3, "running mean"],
  ["variance", 4, "running variance"],
];

/** ONNX stores attributes as float32, so that is the epsilon every runtime adds. */
const DEFAULT_EPSILON = Math.fround(1e-5);

export function isBatchNormalization(node: Node): boolean {
  return node.opType === "BatchNormalization" && isStandardDomain(node.domain);
}

/**
 * Reads a node at inference. The reason is given where it trains, where a parameter is not known
 * before the model runs, or where the parameters do not belong together.
 *
 * Source: ONNX operator documentation, BatchNormalization 1, 6, 7, 9, 14 and 15.
 */
export function readBatchNormalization(graph: Graph, node: Node): BatchNormalization | Refusal {
  return trainingReason(graph, node) ?? readParameters(graph, node);
}

/**
 * The reason why a node uses the batch's own statistics, if it does. How the file says so changed:
 *
 * - opset 1 and 6: attribute is_test, 0 (training) by default
 * - opset 7 to 13: the outputs mean, var, saved_mean and saved_var are there
 * - from opset 14: attribute training_mode, 0 (inference) by default
 */
export function trainingReason(graph: Graph, node: Node): Refusal | undefined {
  const opset = standardOpset(graph);
  const name = siteId(node);
  const advice = "switch it to inference first";
  if (opset < 7 && intAttribute(node, "is_test", 0) === 0) {
    return refuse(`${name} is in training mode (is_test = 0): ${advice}.`);
  }
  if (opset >= 14 && intAttribute(node, "training_mode", 0) !== 0) {
    return refuse(`${name} is in training mode (training_mode = 1): ${advice}.`);
  }
  const extra = node.output.slice(1).find((output) => output !== "");
  if (extra === undefined) return undefined;
  return refuse(`${name} has the training output ${extra} besides its result: ${advice}.`);
}

interface Known {
  readonly tensors: readonly Tensor[];
  readonly batchNorm: BatchNormalization;
}

/** What was read last: while a graph is folded, every round asks for the same parameters again. */
const known = new WeakMap<Node, Known>();

/** The stored parameters, whatever mode the node is in. */
export function readParameters(graph: Graph, node: Node): BatchNormalization | Refusal {
  const tensors: Tensor[] = [];
  for (const [, position, words] of PARAMETERS) {
    const value = node.input[position] ?? "";
    const name = siteId(node);
    const tensor = knownTensor(graph, value, `${words} of ${name}`);
    if (isRefusal(tensor)) return tensor;
    const first = tensors[0] ?? tensor;
    if (`${tensor.dims}` !== `${first.dims}`) {
      return refuse(
        `The ${words} of ${name} (${value}) has shape [${tensor.dims}], its scale has [${first.dims}].`,
      );
    }
    tensors.push(tensor);
  }
  const last = known.get(node);
  if (last?.tensors.every((tensor, each) => tensor === tensors[each])) return last.batchNorm;
  const batchNorm = parametersIn(node, tensors);
  if (!isRefusal(batchNorm)) known.set(node, { tensors, batchNorm });
  return batchNorm;
}

/** @param tensors in the order of PARAMETERS, of one shape. */
function parametersIn(node: Node, tensors: readonly Tensor[]): BatchNormalization | Refusal {
  const read: Partial<Record<ParameterName, Float64Array>> = {};
  for (const [each, [parameter]] of PARAMETERS.entries()) {
    const values = knownValues(tensors[each] as Tensor);
    if (isRefusal(values)) return values;
    read[parameter] = values;
  }
  const { gamma, beta, mean, variance } = read as Record<ParameterName, Float64Array>;
  const { dims, dataType } = tensors[0] as Tensor;
  const [input = ""] = node.input;
  const [output = ""] = node.output;
  const epsilon = Math.fround(floatAttribute(node, "epsilon", DEFAULT_EPSILON));
  const values = { gamma, beta, mean, variance, epsilon };
  return {
    node,
    input,
    output,
    channels: dims[0] ?? 1,
    ...values,
    parameterType: dataType,
    dims,
  };
}

const affineForms = new WeakMap<BatchNormalization, AffineForm | Refusal>();

/**
 * The inference form as one multiplication and one addition, in float64:
 *
 *   y = γ·(x − μ)/√(σ² + ε) + β = a·x + b   with   a = γ/√(σ² + ε),   b = β − μ·a
 *
 * Source: Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 2, steps 10 and 11.
 */
export function affineForm(batchNorm: BatchNormalization): AffineForm | Refusal {
  const form = affineForms.get(batchNorm) ?? computedForm(batchNorm);
  affineForms.set(batchNorm, form);
  return form;
}

function computedForm(batchNorm: BatchNormalization): AffineForm | Refusal {
  const problem = numericProblem(batchNorm);
  if (problem !== undefined) return problem;
  const { gamma, beta, mean, variance, epsilon } = batchNorm;
  const scale = gamma.map((value, i) => value / Math.sqrt((variance[i] as number) + epsilon));
  const shift = beta.map((value, i) => value - (mean[i] as number) * (scale[i] as number));
  return { scale, shift };
}

/** The first number that has no place in a BatchNorm, with its channel and tensor. */
export function numericProblem(batchNorm: BatchNormalization): Refusal | undefined {
  const name = siteId(batchNorm.node);
  for (const [parameter, position, words] of PARAMETERS) {
    const values = batchNorm[parameter];
    const bad = values.findIndex(
      (value) => !Number.isFinite(value) || (parameter === "variance" && value < 0),
    );
    if (bad < 0) continue;
    const value = values[bad] as number;
    const shown = Number.isFinite(value) ? `negative, ${value},` : shownNumber(value);
    const tensor = batchNorm.node.input[position];
    return refuse(`The ${words} of ${name} is ${shown} in channel ${bad} (${tensor}).`);
  }
  const flat = batchNorm.variance.findIndex((value) => value + batchNorm.epsilon === 0);
  if (flat < 0) return undefined;
  return refuse(
    `The running variance of ${name} is 0 in channel ${flat} and epsilon is 0, so it divides by zero.`,
  );
}

function shownNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "Inf" : "-Inf";
}
