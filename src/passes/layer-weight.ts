import type { DataType } from "../graph/data-type.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ChannelLayout } from "./channel-layout.ts";
import { nameForChanged } from "./fold-pattern.ts";
import { knownTensor } from "./known-tensor.ts";
import type { TensorNames } from "./linear-layer.ts";
import { weightOverflow } from "./overflow.ts";
import { siteId } from "./pass.ts";
import { quantizedWeight } from "./quantized-weight.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { exactFloat64, scaledTensor } from "./scaled-tensor.ts";

/** Where the channels lie in a weight, and the one axis they fill where it is one. */
export interface WeightChannels {
  readonly layout: ChannelLayout;
  readonly axis: number | undefined;
}

/** The weight of a linear layer, stored as floating point or dequantized from whole numbers. */
export interface LayerWeight {
  readonly dims: readonly number[];
  readonly dataType: DataType;
  readonly touches: readonly Node[];
  /** Why the weight cannot take up a scale. */
  problem(channels: WeightChannels, scale: Float64Array): Refusal | undefined;
  scaled(channels: WeightChannels, scale: Float64Array, names: TensorNames): ScaledWeight;
  /** The values that enter the layer, before any rounding of ours. */
  values(): Float64Array;
}

export interface ScaledWeight {
  /** The value that the layer reads. */
  readonly value: string;
  readonly initializers: readonly Tensor[];
  /** Nodes that have to stand before the layer. */
  readonly nodes: readonly Node[];
  readonly replace: ReadonlyMap<Node, readonly Node[]>;
}

/** The weight at one input of a layer, or why it is not known before the model runs. */
export function layerWeight(graph: Graph, node: Node, position: number): LayerWeight | Refusal {
  const value = node.input[position] ?? "";
  const producer = indexOf(graph).producer(value);
  if (producer?.opType === "DequantizeLinear" && isStandardDomain(producer.domain)) {
    return quantizedWeight(graph, node, producer);
  }
  const tensor = knownTensor(graph, value, `weight of ${siteId(node)}`);
  if (isRefusal(tensor)) return tensor;
  return {
    dims: tensor.dims,
    dataType: tensor.dataType,
    touches: [],
    problem: ({ layout }, scale) => {
      const overflow = weightOverflow(tensor, layout, scale);
      return overflow === undefined ? undefined : cannotHold(node, overflow);
    },
    scaled: ({ layout }, scale, names) => {
      const name = nameForChanged(graph, value, tensor, names);
      const initializers = [scaledTensor(name, tensor, layout, scale)];
      return { value: name, initializers, nodes: [], replace: new Map() };
    },
    values: () => exactFloat64(tensor),
  };
}

export function cannotHold(layer: Node, overflow: string): Refusal {
  return refuse(`The folded ${nodeLabel(layer)} would have to store ${overflow}.`);
}
