import type { GraphBuilder } from "../graph/builder.ts";
import { dataTypeName } from "../graph/data-type.ts";
import { changeNode, type GraphChanges } from "../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import type { AffineForm } from "./batch-normalization.ts";
import { biasName, type FoldPattern, nameForChanged } from "./fold-pattern.ts";
import { knownTensor, knownValues } from "./known-tensor.ts";
import { overflowOf, weightOverflow } from "./overflow.ts";
import { siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { type ChannelLayout, exactFloat64, roundOnce, scaledTensor } from "./scaled-tensor.ts";

/**
 * Conv → BatchNormalization, in any number of dimensions, grouped, depthwise, with or without bias.
 *
 * A convolution is linear in its weight, and BatchNorm acts on each output channel m alone:
 *
 *   a[m]·(W[m] ∗ x + B[m]) + b[m] = (a[m]·W[m]) ∗ x + (a[m]·B[m] + b[m])
 *
 * Padding, strides and dilations do not enter. The weight is (M, C/group, k…), so axis 0 is the
 * output channel whatever the group is. Source: Jacob et al., "Quantization and Training of Neural
 * Networks for Efficient Integer-Arithmetic-Only Inference", 2018, section 3.2.
 */
export const foldIntoConv: FoldPattern = (graph, batchNorm, affine) => {
  const conv = indexOf(graph).producer(batchNorm.input);
  if (conv === undefined || conv.opType !== "Conv" || !isStandardDomain(conv.domain)) {
    return undefined;
  }
  const obstacle = otherReader(graph, conv, batchNorm.node);
  if (obstacle !== undefined) return obstacle;
  const parameters = readParameters(graph, conv, batchNorm.dims);
  if (isRefusal(parameters)) return parameters;
  const folded = foldedValues(parameters, affine);
  const overflow =
    weightOverflow(parameters.weight, folded.layout, affine.scale) ??
    overflowOf(folded.bias, parameters.weight.dataType);
  if (overflow !== undefined) {
    return refuse(`The folded ${nodeLabel(conv)} would have to store ${overflow}.`);
  }
  return {
    into: conv,
    touches: [conv, batchNorm.node],
    changes: (names) =>
      foldedConv(graph, conv, batchNorm.node, parameters, affine.scale, folded, names),
  };
};

/** Anybody else who reads the convolution's own result would get the normalized one. */
function otherReader(graph: Graph, conv: Node, batchNorm: Node): Refusal | undefined {
  const index = indexOf(graph);
  const output = conv.output[0] ?? "";
  const result = `The output of ${nodeLabel(conv)} (${output})`;
  if (index.isOutput(output)) return refuse(`${result} is an output of the model as well.`);
  if (index.readByBody(output)) return refuse(`${result} has another consumer inside a subgraph.`);
  const other = index.uses(output).find((use) => use.node !== batchNorm);
  if (other !== undefined) {
    return refuse(`${result} has another consumer, ${nodeLabel(other.node)}.`);
  }
  return index.uses(output).length > 1
    ? refuse(`${result} is also a parameter of its consumer ${siteId(batchNorm)}.`)
    : undefined;
}

interface ConvParameters {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
}

function readParameters(
  graph: Graph,
  conv: Node,
  affineDims: readonly number[],
): ConvParameters | Refusal {
  const weight = knownTensor(graph, conv.input[1] ?? "", `weight of ${siteId(conv)}`);
  if (isRefusal(weight)) return weight;
  if (`${affineDims}` !== `${weight.dims[0]}`) {
    return refuse(
      `${nodeLabel(conv)} has ${weight.dims[0]} output channels, the BatchNorm's parameters have shape [${affineDims}].`,
    );
  }
  const biasValue = conv.input[2] ?? "";
  if (biasValue === "") return { weight, bias: undefined };
  const bias = knownTensor(graph, biasValue, `bias of ${siteId(conv)}`);
  if (isRefusal(bias)) return bias;
  if (`${bias.dims}` !== `${weight.dims[0]}` || bias.dataType !== weight.dataType) {
    return refuse(
      `The bias of ${siteId(conv)} (${biasValue}) is ${dataTypeName(bias.dataType)} [${bias.dims}], which does not fit its weight ${weight.name}.`,
    );
  }
  const values = knownValues(bias);
  return isRefusal(values) ? values : { weight, bias };
}

interface FoldedValues {
  readonly layout: ChannelLayout;
  /** a·B + b before it is rounded. */
  readonly bias: Float64Array;
}

function foldedValues(
  { weight, bias }: ConvParameters,
  { scale, shift }: AffineForm,
): FoldedValues {
  const channels = scale.length;
  const inner = elementCount(weight.dims) / Math.max(channels, 1);
  const old = bias === undefined ? new Float64Array(channels) : exactFloat64(bias);
  return {
    layout: { groups: 1, repeats: 1, channelsPerGroup: channels, inner },
    bias: old.map((value, m) => value * (scale[m] as number) + (shift[m] as number)),
  };
}

/** The convolution that takes the BatchNorm's place and output name, and its two tensors. */
function foldedConv(
  graph: Graph,
  conv: Node,
  batchNorm: Node,
  { weight, bias }: ConvParameters,
  scale: Float64Array,
  values: FoldedValues,
  names: GraphBuilder,
): GraphChanges {
  const [input = "", weightValue = "", biasValue = ""] = conv.input;
  const weightName = nameForChanged(graph, weightValue, weight, names);
  const newWeight = scaledTensor(weightName, weight, values.layout, scale);
  const newBiasName =
    bias === undefined
      ? biasName(weightName, names)
      : nameForChanged(graph, biasValue, bias, names);
  const newBias = roundOnce(newBiasName, [scale.length], weight.dataType, values.bias);
  const folded = changeNode(conv, {
    input: [input, newWeight.name, newBias.name],
    output: batchNorm.output.slice(0, 1),
  });
  return {
    replace: new Map([
      [conv, [folded]],
      [batchNorm, []],
    ]),
    initializers: [newWeight, newBias],
  };
}
