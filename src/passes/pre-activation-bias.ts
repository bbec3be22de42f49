import { floatAttribute } from "../graph/attributes.ts";
import { changeNode } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { knownTensor, knownValues } from "./known-tensor.ts";
import { siteId } from "./pass.ts";
import { channelShift, type PreActivation } from "./pre-activation.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";

/** Position of the bias among the inputs of Conv, ConvTranspose and Gemm; MatMul has none. */
const BIAS_INPUT = 2;

/**
 * b of t = W·x + b, one number a channel: what the layer adds and what the Add behind it does. The
 * reason is given where it is not known before the model runs or is not one number a channel.
 */
export function channelBias(
  graph: Graph,
  { layer, add, channels }: PreActivation,
): Float64Array | Refusal {
  const own = ownBias(graph, layer, channels);
  if (isRefusal(own) || add === undefined) return own;
  const added = channelShift(graph, add, layer.output[0] ?? "", channels);
  return own.map((value, channel) => value + (added?.[channel] ?? 0));
}

/** Whether anything is added to W·x at all. */
export function hasBias({ layer, add }: PreActivation): boolean {
  return add !== undefined || (layer.input[BIAS_INPUT] ?? "") !== "";
}

/** Gemm multiplies its C by the attribute beta, which ONNX stores as float32. */
function ownBias(graph: Graph, layer: Node, channels: number): Float64Array | Refusal {
  const value = layer.input[BIAS_INPUT] ?? "";
  const factor = layer.opType === "Gemm" ? Math.fround(floatAttribute(layer, "beta", 1)) : 1;
  if (value === "" || factor === 0) return new Float64Array(channels);
  const tensor = knownTensor(graph, value, `bias of ${siteId(layer)}`);
  if (isRefusal(tensor)) return tensor;
  const count = elementCount(tensor.dims);
  const perChannel = count === channels && (tensor.dims.at(-1) ?? 1) === channels;
  if (!perChannel && count !== 1) {
    return refuse(
      `The bias of ${nodeLabel(layer)} (${value}) has shape [${tensor.dims}], which is not one number a channel.`,
    );
  }
  const values = knownValues(tensor);
  if (isRefusal(values)) return values;
  const spread = perChannel ? values : new Float64Array(channels).fill(values[0] ?? 0);
  return spread.map((each) => each * factor);
}

/** The layer without what it adds, its product under another name. */
export function layerWithoutBias(layer: Node, output: string): Node {
  return changeNode(layer, { input: layer.input.slice(0, BIAS_INPUT), output: [output] });
}

/** The layer with a bias of one number a channel in place of its own; not for MatMul. */
export function layerWithBias(layer: Node, bias: string, output: string): Node {
  const { input, attribute } = layer;
  return changeNode(layer, {
    input: [...input.slice(0, BIAS_INPUT), bias],
    output: [output],
    attribute: attribute.filter(({ name }) => layer.opType !== "Gemm" || name !== "beta"),
  });
}

/** The tensor that a layer reads as its bias; "" where it has none. */
export function biasValue(layer: Node): string {
  return layer.opType === "MatMul" ? "" : (layer.input[BIAS_INPUT] ?? "");
}
