import { intAttribute } from "../graph/attributes.ts";
import { constantValue } from "../graph/constants.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { type ChannelCut, type ChannelPath, channelPath } from "./channel-path.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { type UnitWeight, unitWeight } from "./unit-weight.ts";
import { rankOf } from "./value-types.ts";

/** A layer of which output channels can be taken out, with all that changes. */
export interface PrunableLayer {
  readonly node: Node;
  readonly channels: number;
  readonly weight: UnitWeight;
  readonly path: ChannelPath;
  /** Its own weight and bias, and what is behind it. */
  readonly cuts: readonly ChannelCut[];
}

/** Undefined for nodes that are no linear layers. Decodes no weights. */
export function prunableLayer(graph: Graph, node: Node): PrunableLayer | Refusal | undefined {
  const weight = unitWeight(graph, node);
  if (weight === undefined || isRefusal(weight)) return weight;
  if (intAttribute(node, "group", 1) !== 1) return refuse(`${nodeLabel(node)} has groups.`);
  const axis = outputAxis(weight);
  const rank = rankOf(graph, node.output[0] ?? "");
  if (axis === undefined || rank === undefined) {
    return refuse(
      `The weight of ${nodeLabel(node)} (${weight.value}) of shape [${weight.tensor.dims}] has no one axis of output channels.`,
    );
  }
  const channels = weight.tensor.dims[axis] as number;
  const start = {
    value: node.output[0] ?? "",
    axis: node.opType === "MatMul" ? rank - 1 : 1,
    block: 1,
  };
  const path = channelPath(graph, start, channels);
  if (isRefusal(path)) return path;
  const own = { node, input: weight.input, tensor: weight.tensor, axis, block: 1 };
  const bias = biasCut(graph, node, channels);
  if (bias !== undefined && isRefusal(bias)) return bias;
  const cuts = [own, ...(bias === undefined ? [] : [bias]), ...path.cuts];
  return { node, channels, weight, path, cuts };
}

/** The axis of the stored weight along which output channels lie. */
function outputAxis({ node, input, tensor }: UnitWeight): number | undefined {
  const rank = tensor.dims.length;
  switch (node.opType) {
    case "Conv":
      return 0;
    case "ConvTranspose":
      return 1;
    case "Gemm":
      return intAttribute(node, "transB", 0) !== 0 ? 0 : 1;
    default:
      return input === 1 && rank === 2 ? 1 : undefined;
  }
}

/** The bias of one number a channel; one that is the same for all of them stays. */
function biasCut(graph: Graph, node: Node, channels: number): ChannelCut | Refusal | undefined {
  const value = node.opType === "MatMul" ? "" : (node.input[2] ?? "");
  if (value === "") return undefined;
  const tensor = constantValue(graph, value);
  if (tensor === undefined) {
    return refuse(`The bias of ${nodeLabel(node)} (${value}) is known only at run time.`);
  }
  const axis = tensor.dims.length - 1;
  if (axis < 0 || elementCount(tensor.dims.slice(-1)) === 1) return undefined;
  return tensor.dims[axis] === channels
    ? { node, input: 2, tensor, axis, block: 1 }
    : refuse(
        `The bias of ${nodeLabel(node)} (${value}) has shape [${tensor.dims}], its weight has ${channels} output channels.`,
      );
}
