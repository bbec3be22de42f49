import { intAttribute, makeAttribute } from "../graph/attributes.ts";
import { constantValue } from "../graph/constants.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import { readFloat64 } from "../graph/numbers.ts";
import { elementCount, memoryTensor, type Tensor } from "../graph/tensor.ts";
import { changedStem, hasOneReader, nameForChanged } from "./fold-pattern.ts";
import { knownTensor } from "./known-tensor.ts";
import type { LayerWeight, WeightChannels } from "./layer-weight.ts";
import type { TensorNames } from "./linear-layer.ts";
import { overflowOf } from "./overflow.ts";
import { siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { exactFloat64, roundOnce } from "./scaled-tensor.ts";

/** The first operator set in which DequantizeLinear takes a scale for each position of an axis. */
const FIRST_OPSET_WITH_AXIS = 13;

/** DequantizeLinear's axis where the attribute is left out. */
const DEFAULT_AXIS = 1;

interface Quantized {
  readonly node: Node;
  readonly weight: Tensor;
  readonly scale: Tensor;
  readonly zeroPoint: Tensor | undefined;
  /** The axis of the scales; undefined for one scale for all. */
  readonly axis: number | undefined;
}

/**
 * A weight behind DequantizeLinear, w = (q − z)·s. A factor a channel goes into the scales,
 *
 *   a·w = (q − z)·(a·s),
 *
 * so that the whole numbers stay as they are and nothing is quantized anew. One scale for all
 * becomes one a channel. Source: ONNX operator documentation, DequantizeLinear 10, 13, 19 and 21.
 */
export function quantizedWeight(graph: Graph, layer: Node, node: Node): LayerWeight | Refusal {
  const quantized = readQuantized(graph, layer, node);
  if (isRefusal(quantized)) return quantized;
  const { weight, scale } = quantized;
  return {
    dims: weight.dims,
    dataType: scale.dataType,
    touches: [node],
    problem: (channels, factors) => problem(graph, quantized, channels, factors),
    scaled: (channels, factors, names) =>
      scaled(graph, quantized, channels.axis ?? 0, factors, names),
    values: () => dequantized(quantized),
  };
}

function readQuantized(graph: Graph, layer: Node, node: Node): Quantized | Refusal {
  const [weightName = "", scaleName = "", zeroPointName = ""] = node.input;
  const weight = constantValue(graph, weightName);
  if (weight === undefined) {
    return refuse(`The weight of ${siteId(layer)} (${weightName}) is known only at run time.`);
  }
  const scale = knownTensor(graph, scaleName, `scale of ${nodeLabel(node)}`);
  if (isRefusal(scale)) return scale;
  const zeroPoint = zeroPointName === "" ? undefined : constantValue(graph, zeroPointName);
  if (zeroPointName !== "" && zeroPoint === undefined) {
    return refuse(`The zero point of ${nodeLabel(node)} is known only at run time.`);
  }
  if (intAttribute(node, "block_size", 0) > 0 || scale.dims.length > 1) {
    return refuse(`${nodeLabel(node)} has a scale for each block, not for each channel.`);
  }
  const given = intAttribute(node, "axis", DEFAULT_AXIS);
  const axis = given < 0 ? given + weight.dims.length : given;
  return { node, weight, scale, zeroPoint, axis: scale.dims.length === 0 ? undefined : axis };
}

function problem(
  graph: Graph,
  { node, scale, axis }: Quantized,
  channels: WeightChannels,
  factors: Float64Array,
): Refusal | undefined {
  const one = factors.every((factor) => factor === factors[0]);
  if (!one && channels.axis === undefined) {
    return refuse(`${nodeLabel(node)} can scale along one axis, and the groups lie along two.`);
  }
  if (axis !== undefined && axis !== channels.axis) {
    return refuse(
      `${nodeLabel(node)} scales along axis ${axis}, and the channels lie along axis ${channels.axis}.`,
    );
  }
  if (axis === undefined && !one && standardOpset(graph) < FIRST_OPSET_WITH_AXIS) {
    return refuse(`${nodeLabel(node)} takes a scale for each channel only from opset 13 on.`);
  }
  const negative = factors.findIndex((factor) => factor <= 0);
  if (negative >= 0) {
    return refuse(
      `${nodeLabel(node)} would need a scale that is not positive, for channel ${negative}.`,
    );
  }
  const overflow = overflowOf(newScales(scale, factors), scale.dataType);
  if (overflow === undefined) return undefined;
  return refuse(`The scale of ${nodeLabel(node)} would become ${overflow}.`);
}

function newScales(scale: Tensor, factors: Float64Array): Float64Array {
  const old = exactFloat64(scale);
  return factors.map((factor, c) => factor * (old[old.length === 1 ? 0 : c] as number));
}

function scaled(
  graph: Graph,
  { node, scale, zeroPoint, axis }: Quantized,
  channelAxis: number,
  factors: Float64Array,
  names: TensorNames,
) {
  const [weightName = "", scaleName = "", zeroPointName = ""] = node.input;
  const output = node.output[0] ?? "";
  const owned = !names.copies && hasOneReader(graph, output);
  const naming = { ...names, copies: !owned };
  const newScale = roundOnce(
    nameForChanged(graph, scaleName, scale, naming),
    [factors.length],
    scale.dataType,
    newScales(scale, factors),
  );
  const spread = zeroPoint !== undefined && axis === undefined;
  const newZeroPoint = spread
    ? repeated(nameForChanged(graph, zeroPointName, zeroPoint, naming), zeroPoint, factors.length)
    : undefined;
  const value = owned ? output : names.builder.freshName(changedStem(output));
  const changed = changeNode(node, {
    input: [
      weightName,
      newScale.name,
      ...(zeroPoint === undefined ? [] : [newZeroPoint?.name ?? zeroPointName]),
    ],
    output: [value],
    attribute: withAxis(node, channelAxis),
    ...(owned ? {} : { name: value }),
  });
  return {
    value,
    initializers: newZeroPoint === undefined ? [newScale] : [newScale, newZeroPoint],
    nodes: owned ? [] : [changed],
    replace: owned ? new Map([[node, [changed]]]) : new Map<Node, readonly Node[]>(),
  };
}

function withAxis(node: Node, axis: number): Node["attribute"] {
  const others = node.attribute.filter((attribute) => attribute.name !== "axis");
  return axis === DEFAULT_AXIS ? others : [...others, makeAttribute("axis", { int: axis })];
}

/** A tensor of one element as a list of equal ones. */
function repeated(name: string, tensor: Tensor, count: number): Tensor {
  const element = tensor.data.read();
  const bytes = new Uint8Array(element.length * count);
  for (let i = 0; i < count; i++) bytes.set(element, i * element.length);
  return memoryTensor(name, [count], tensor.dataType, bytes);
}

function dequantized({ weight, scale, zeroPoint, axis }: Quantized): Float64Array {
  const whole = readFloat64(weight);
  const scales = exactFloat64(scale);
  const zeros = zeroPoint === undefined ? new Float64Array(scales.length) : readFloat64(zeroPoint);
  const count = axis === undefined ? 1 : (weight.dims[axis] ?? 1);
  const inner = axis === undefined ? 1 : elementCount(weight.dims.slice(axis + 1));
  return whole.map((value, position) => {
    const c = Math.floor(position / inner) % count;
    return (value - (zeros[c] as number)) * (scales[c] as number);
  });
}
