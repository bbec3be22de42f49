import { dataTypeName } from "../graph/data-type.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { Tensor } from "../graph/tensor.ts";
import { biasName, nameForChanged } from "./fold-pattern.ts";
import { knownTensor, knownValues } from "./known-tensor.ts";
import type { LayerWeight } from "./layer-weight.ts";
import type { TensorNames } from "./linear-layer.ts";
import { siteId } from "./pass.ts";
import { quantizedWeight } from "./quantized-weight.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { roundOnce } from "./scaled-tensor.ts";

/** The bias of a layer: one number a channel, or whatever else its operator broadcasts. */
export interface LayerBias {
  readonly dims: readonly number[];
  /** Before any rounding of ours. */
  readonly values: Float64Array;
  changed(names: TensorNames, dims: readonly number[], values: Float64Array): Tensor;
}

/**
 * The bias at an input of a layer, zeros of the given shape where there is none, or why it is not
 * known. A dequantized bias becomes a stored one, since its sum with a shift is no multiple of its
 * scale.
 */
export function layerBias(
  graph: Graph,
  node: Node,
  position: number,
  weight: LayerWeight,
  dims: readonly number[],
): LayerBias | Refusal {
  const value = node.input[position] ?? "";
  if (value === "") {
    const zeros = new Float64Array(dims[0] ?? 1);
    return {
      dims,
      values: zeros,
      changed: (names, newDims, values) => {
        const name = biasName(node.input[1] ?? "", names);
        return roundOnce(name, newDims, weight.dataType, values);
      },
    };
  }
  const producer = indexOf(graph).producer(value);
  if (producer?.opType === "DequantizeLinear") {
    const quantized = quantizedWeight(graph, node, producer);
    if (isRefusal(quantized)) return quantized;
    return {
      dims: quantized.dims,
      values: quantized.values(),
      changed: (names, newDims, values) =>
        roundOnce(names.builder.freshName(`${value}_folded`), newDims, weight.dataType, values),
    };
  }
  const tensor = knownTensor(graph, value, `bias of ${siteId(node)}`);
  if (isRefusal(tensor)) return tensor;
  if (tensor.dataType !== weight.dataType) {
    return refuse(
      `The bias of ${nodeLabel(node)} (${value}) is ${dataTypeName(tensor.dataType)}, its weight is ${dataTypeName(weight.dataType)}.`,
    );
  }
  const values = knownValues(tensor);
  if (isRefusal(values)) return values;
  return {
    dims: tensor.dims,
    values,
    changed: (names, newDims, changed) =>
      roundOnce(nameForChanged(graph, value, tensor, names), newDims, tensor.dataType, changed),
  };
}
