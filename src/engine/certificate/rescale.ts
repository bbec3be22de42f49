import type { Random } from "../../data/random.ts";
import { type GraphBuilder, makeNode } from "../../graph/builder.ts";
import { constantValue } from "../../graph/constants.ts";
import { isFloatingPoint } from "../../graph/data-type.ts";
import { changeNode } from "../../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../../graph/graph.ts";
import { readFloat64, roundedTensor } from "../../graph/numbers.ts";
import { elementCount, type Tensor } from "../../graph/tensor.ts";
import { scaledTensor } from "../../passes/scaled-tensor.ts";

export interface Rescaled {
  readonly nodes: readonly Node[];
  readonly initializers: readonly Tensor[];
}

/**
 * A convolution whose output channels are multiplied by random factors c and divided by them again:
 *
 *   (c·W) ∗ x + c·B, times 1/c
 *
 * It is the same function, and all its products and partial sums are rounded anew. Moving weights
 * by a unit does not do that: where the partial sums are large against the products, they round as
 * before, and a sum of thousands of terms hides most of its error.
 *
 * @returns undefined for a node that is not a convolution with stored weights.
 */
export function rescaled(
  graph: Graph,
  conv: Node,
  names: GraphBuilder,
  random: Random,
): Rescaled | undefined {
  if (conv.opType !== "Conv" || !isStandardDomain(conv.domain)) return undefined;
  const [input = "", weightName = "", biasName = ""] = conv.input;
  const weight = constantValue(graph, weightName);
  const bias = biasName === "" ? undefined : constantValue(graph, biasName);
  if (weight === undefined || !isFloatingPoint(weight.dataType)) return undefined;
  if (biasName !== "" && bias === undefined) return undefined;
  const channels = weight.dims[0] ?? 0;
  // Below one, so that nothing overflows that did not before.
  const factors = Float64Array.from({ length: channels }, () => 0.5 + random.uniform() / 2);
  const layout = {
    groups: 1,
    repeats: 1,
    channelsPerGroup: channels,
    inner: elementCount(weight.dims) / channels,
  };
  const [output = ""] = conv.output;
  const result = names.freshName(`${output}_rescaled`);
  const back = roundedTensor(
    names.freshName(`${output}_back`),
    [channels, ...weight.dims.slice(2).map(() => 1)],
    weight.dataType,
    factors.map((factor) => 1 / factor),
  );
  const initializers = [
    scaledTensor(names.freshName(`${weightName}_rescaled`), weight, layout, factors),
    ...(bias === undefined ? [] : [rescaledBias(bias, names, factors)]),
  ];
  const inputs = [input, ...initializers.map((tensor) => tensor.name)];
  return {
    nodes: [
      changeNode(conv, { input: inputs, output: [result] }),
      makeNode("Mul", [result, back.name], [output]),
    ],
    initializers: [...initializers, back],
  };
}

function rescaledBias(bias: Tensor, names: GraphBuilder, factors: Float64Array): Tensor {
  const values = readFloat64(bias).map((value, channel) => value * (factors[channel] as number));
  return roundedTensor(names.freshName(`${bias.name}_rescaled`), bias.dims, bias.dataType, values);
}
