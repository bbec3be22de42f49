import { intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.ts";
import { changeNode } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import type { AffineForm } from "./batch-normalization.ts";
import { hasShift } from "./channel-affine.ts";
import { type LayerBias, layerBias } from "./layer-bias.ts";
import { cannotHold, type LayerWeight, layerWeight, type WeightChannels } from "./layer-weight.ts";
import type { LayerChanges, LayerPlace, LinearLayer, LinearOperator } from "./linear-layer.ts";
import { overflowOf } from "./overflow.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { shiftThrough } from "./scaled-tensor.ts";

/**
 * Conv in any number of dimensions, grouped, depthwise, with or without bias.
 *
 * A convolution is linear in its weight, and what follows acts on each output channel m alone:
 *
 *   a[m]·(W[m] ∗ x + B[m]) + b[m] = (a[m]·W[m]) ∗ x + (a[m]·B[m] + b[m])
 *
 * Padding, strides and dilations do not enter. Source: Jacob et al., "Quantization and Training of
 * Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018, section 3.2.
 *
 * What stands before it acts on each input channel c:
 *
 *   W ∗ (a·x + b) = Σ_c (a[c]·W[·,c]) ∗ x[c] + Σ_c b[c]·Σ_k W[·,c,k]
 *
 * where the last term needs every k to meet an element: padding with zeros pads a·x + b, and scales
 * of it (a·0 = 0), but a shifted zero is not zero, so the shift stays outside of a padded Conv.
 *
 * The weight is (M, C/group, k…).
 */
export const convolution: LinearOperator = {
  opType: "Conv",
  seenFromOutput: (graph, node) => fromOutput(graph, node, convolutionChannels),
  seenFromInput: (graph, node, position) => fromInput(graph, node, position, convolutionChannels),
};

/**
 * ConvTranspose: the same algebra with weights (C, M/group, k…), so that output channel
 * m = group index · M/group + j. Elements of the result meet different numbers of kernel elements
 * at borders and between strides, so a shift before it has no constant to become.
 */
export const transposedConvolution: LinearOperator = {
  opType: "ConvTranspose",
  seenFromOutput: (graph, node) => fromOutput(graph, node, transposedChannels),
  seenFromInput: (graph, node, position) => fromInput(graph, node, position, transposedChannels),
};

interface ConvolutionChannels {
  readonly input: WeightChannels;
  readonly output: WeightChannels;
}

function convolutionChannels(dims: readonly number[], groups: number): ConvolutionChannels {
  const [outputs = 1, inputs = 1] = dims;
  const inner = elementCount(dims.slice(2));
  const whole = { groups: 1, repeats: 1, channelsPerGroup: outputs, inner: inputs * inner };
  const shared = { groups, repeats: outputs / groups, channelsPerGroup: inputs, inner };
  return {
    output: { layout: whole, axis: 0 },
    input: { layout: shared, axis: groups === 1 ? 1 : undefined },
  };
}

function transposedChannels(dims: readonly number[], groups: number): ConvolutionChannels {
  const [inputs = 1, outputs = 1] = dims;
  const inner = elementCount(dims.slice(2));
  const whole = { groups: 1, repeats: 1, channelsPerGroup: inputs, inner: outputs * inner };
  const shared = { groups, repeats: inputs / groups, channelsPerGroup: outputs, inner };
  return {
    output: { layout: shared, axis: groups === 1 ? 1 : undefined },
    input: { layout: whole, axis: 0 },
  };
}

interface Parameters extends ConvolutionChannels {
  readonly weight: LayerWeight;
  readonly bias: LayerBias;
}

function readParameters(
  graph: Graph,
  node: Node,
  channelsOf: typeof convolutionChannels,
): Parameters | Refusal {
  const weight = layerWeight(graph, node, 1);
  if (isRefusal(weight)) return weight;
  const groups = intAttribute(node, "group", 1);
  const [first = 0] = weight.dims;
  if (weight.dims.length < 3 || groups < 1 || first % groups !== 0) {
    return refuse(
      `The weight of ${nodeLabel(node)} has shape [${weight.dims}], which does not fit ${groups} groups.`,
    );
  }
  const channels = channelsOf(weight.dims, groups);
  const bias = layerBias(graph, node, 2, weight, [count(channels.output)]);
  if (isRefusal(bias)) return bias;
  if (`${bias.dims}` !== `${count(channels.output)}`) {
    return refuse(
      `The bias of ${nodeLabel(node)} (${node.input[2]}) has shape [${bias.dims}], its weight has ${count(channels.output)} output channels.`,
    );
  }
  return { weight, bias, ...channels };
}

function count({ layout }: WeightChannels): number {
  return layout.groups * layout.channelsPerGroup;
}

function fromOutput(
  graph: Graph,
  node: Node,
  channelsOf: typeof convolutionChannels,
): LinearLayer | Refusal {
  const parameters = readParameters(graph, node, channelsOf);
  if (isRefusal(parameters)) return parameters;
  const { output, bias } = parameters;
  return {
    node,
    axis: 1,
    channels: count(output),
    shift: "own",
    absorb: ({ scale, shift }) => {
      const values = bias.values.map((b, m) => b * (scale[m] as number) + (shift[m] as number));
      const overflow = overflowOf(values, parameters.weight.dataType);
      if (overflow !== undefined) return cannotHold(node, overflow);
      return absorbed(node, parameters, output, scale, () => values);
    },
  };
}

function fromInput(
  graph: Graph,
  node: Node,
  position: number,
  channelsOf: typeof convolutionChannels,
): LinearLayer | Refusal {
  if (position !== 0) return refuse(`${nodeLabel(node)} takes it as a parameter.`);
  const parameters = readParameters(graph, node, channelsOf);
  if (isRefusal(parameters)) return parameters;
  const { weight, bias, input, output } = parameters;
  const added = ({ shift }: AffineForm) =>
    shiftThrough(weight.values(), input.layout, output.layout, shift);
  return {
    node,
    axis: 1,
    channels: count(input),
    shift: shiftObstacle(node, weight.dims) ?? "own",
    absorb: (affine) =>
      absorbed(node, parameters, input, affine.scale, () => {
        const sums = hasShift(affine) ? added(affine) : undefined;
        return bias.values.map((b, m) => b + (sums?.[m] ?? 0));
      }),
  };
}

/** Why a shift in front of the layer does not become a constant behind it. */
function shiftObstacle(node: Node, dims: readonly number[]): Refusal | undefined {
  if (node.opType === "ConvTranspose") {
    return refuse(`${nodeLabel(node)} adds up a shift differently at its borders.`);
  }
  const automatic = stringAttribute(node, "auto_pad", "NOTSET");
  const kernel = intsAttribute(node, "kernel_shape") ?? dims.slice(2);
  const padded =
    automatic === "NOTSET" || automatic === ""
      ? intsAttribute(node, "pads")?.some((size) => size !== 0)
      : automatic.startsWith("SAME") && kernel.some((size) => size !== 1);
  return padded === true ? refuse(`${nodeLabel(node)} pads with zeros.`) : undefined;
}

function absorbed(
  node: Node,
  { weight, bias }: Parameters,
  channels: WeightChannels,
  scale: Float64Array,
  newBias: () => Float64Array,
): ReturnType<LinearLayer["absorb"]> {
  const problem = weight.problem(channels, scale);
  if (problem !== undefined) return problem;
  return {
    touches: weight.touches,
    appends: false,
    build: (place) => rebuilt(node, weight, bias, channels, scale, newBias(), place),
  };
}

/** A bias of zeros that was not there is left out. */
function rebuilt(
  node: Node,
  weight: LayerWeight,
  bias: LayerBias,
  channels: WeightChannels,
  scale: Float64Array,
  values: Float64Array,
  { names, input, output }: LayerPlace,
): LayerChanges {
  const scaled = weight.scaled(channels, scale, names);
  const needed = (node.input[2] ?? "") !== "" || values.some((value) => value !== 0);
  const newBias = needed ? bias.changed(names, bias.dims, values) : undefined;
  const inputs = [input?.value ?? node.input[0] ?? "", scaled.value];
  const changed = changeNode(node, {
    input: newBias === undefined ? inputs : [...inputs, newBias.name],
    output: [output],
  });
  return {
    nodes: [...scaled.nodes, changed],
    initializers: [...scaled.initializers, ...(newBias === undefined ? [] : [newBias])],
    replace: scaled.replace,
  };
}
