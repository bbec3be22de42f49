import { constantValue } from "../graph/constants.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, isStandardDomain, type Node, standardOpset } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import type { AffineForm } from "./batch-normalization.ts";
import { hasShift } from "./channel-affine.ts";
import {
  channelArithmetic,
  channelConstantDims,
  FIRST_OPSET_WITH_BROADCASTING,
} from "./channel-constant.ts";
import { biasName, changedStem, nameForChanged } from "./fold-pattern.ts";
import { cannotHold, type LayerWeight, layerWeight, type WeightChannels } from "./layer-weight.ts";
import type {
  LayerChanges,
  LayerPlace,
  LinearLayer,
  LinearOperator,
  TensorNames,
} from "./linear-layer.ts";
import { overflowOf } from "./overflow.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { roundOnce, shiftThrough } from "./scaled-tensor.ts";
import { rankOf } from "./value-types.ts";

/**
 * MatMul of any rank with a stored weight on the right, X·W, or on the left, W·X.
 *
 * On the right, W is (…, K, N), features k are the last axis of X and channels n the last of the
 * result:
 *
 *   a[n]·(X·W)[·,n] + b[n] = (X·(W·diag a))[·,n] + b[n]
 *   (X·diag a + b)·W = X·(diag a · W) + Σ_k b[k]·W[k,·]
 *
 * On the left, W is (…, M, K), and rows take the place of columns. MatMul has no bias, so a shift
 * is an Add behind it. The result keeps its rank.
 */
export const matMul: LinearOperator = { opType: "MatMul", seenFromOutput, seenFromInput };

interface Parameters {
  readonly weight: LayerWeight;
  /** Which input the weight is. */
  readonly position: number;
  /** The weight's axes of the channels of the result and of the other operand. */
  readonly output: WeightChannels;
  readonly input: WeightChannels;
  readonly resultRank: number;
  /** The channels' axis counted from the right, in the result and in the other operand. */
  readonly fromRight: number;
}

function readParameters(graph: Graph, node: Node, position: number): Parameters | Refusal {
  const weight = layerWeight(graph, node, position);
  if (isRefusal(weight)) return weight;
  const data = node.input[1 - position] ?? "";
  const resultRank = rankOf(graph, node.output[0] ?? "");
  const dataRank = rankOf(graph, data);
  if (resultRank === undefined || dataRank === undefined) {
    return refuse(
      `The number of dimensions of ${data}, an input of ${nodeLabel(node)}, is not known.`,
    );
  }
  const rank = weight.dims.length;
  if (rank < 2 || (position === 0 && dataRank < 2)) {
    return refuse(`${nodeLabel(node)} multiplies a vector, whose axis its result does not have.`);
  }
  const columns = axisChannels(weight.dims, rank - 1);
  const rows = axisChannels(weight.dims, rank - 2);
  const right = position === 1;
  return {
    weight,
    position,
    output: right ? columns : rows,
    input: right ? rows : columns,
    resultRank,
    fromRight: right ? 1 : 2,
  };
}

function axisChannels(dims: readonly number[], axis: number): WeightChannels {
  const repeats = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1));
  return { layout: { groups: 1, repeats, channelsPerGroup: dims[axis] ?? 1, inner }, axis };
}

/** The stored weight is the right operand where both could be. */
function seenFromOutput(graph: Graph, node: Node): LinearLayer | Refusal {
  const stored = (position: number) => {
    const value = node.input[position] ?? "";
    const producer = indexOf(graph).producer(value);
    const dequantized =
      producer?.opType === "DequantizeLinear" &&
      isStandardDomain(producer.domain) &&
      constantValue(graph, producer.input[0] ?? "") !== undefined;
    return dequantized || constantValue(graph, value) !== undefined;
  };
  const parameters = readParameters(graph, node, !stored(1) && stored(0) ? 0 : 1);
  if (isRefusal(parameters)) return parameters;
  const { output, weight, resultRank, fromRight } = parameters;
  const axis = resultRank - fromRight;
  const channels = output.layout.channelsPerGroup;
  return {
    node,
    axis,
    channels,
    shift: "appended",
    absorb: (affine) => {
      const overflow = overflowOf(affine.shift, weight.dataType);
      if (overflow !== undefined) return cannotHold(node, overflow);
      return absorbed(graph, node, parameters, output, affine, () => ({
        dims: channelConstantDims(graph, channels, axis, resultRank),
        values: affine.shift,
      }));
    },
  };
}

function seenFromInput(graph: Graph, node: Node, position: number): LinearLayer | Refusal {
  const parameters = readParameters(graph, node, 1 - position);
  if (isRefusal(parameters)) return parameters;
  const { input, output, weight, fromRight, resultRank } = parameters;
  const dataRank = rankOf(graph, node.input[position] ?? "") ?? 0;
  const sums = ({ shift }: AffineForm) => {
    // One sum for each row of channels, also in every matrix of a stack.
    const stacked = { ...output.layout, groups: output.layout.repeats, repeats: 1 };
    const rows = position === 0 ? stackedColumns(weight.dims) : stacked;
    const values = shiftThrough(weight.values(), input.layout, rows, shift);
    const stack = weight.dims.slice(0, -2);
    const channels = output.layout.channelsPerGroup;
    if (stack.length === 0) {
      const axis = resultRank - fromRight;
      return { dims: channelConstantDims(graph, channels, axis, resultRank), values };
    }
    return { dims: [...stack, ...(position === 0 ? [1, channels] : [channels, 1])], values };
  };
  return {
    node,
    axis: dataRank - fromRight,
    channels: input.layout.channelsPerGroup,
    shift: stackObstacle(graph, node, weight.dims) ?? "appended",
    absorb: (affine) => absorbed(graph, node, parameters, input, affine, () => sums(affine)),
  };
}

/** Broadcasting a number for each channel of each matrix is as old as opset 7. */
function stackObstacle(graph: Graph, node: Node, dims: readonly number[]): Refusal | undefined {
  const expressible = dims.length === 2 || standardOpset(graph) >= FIRST_OPSET_WITH_BROADCASTING;
  return expressible
    ? undefined
    : refuse(`The weight of ${nodeLabel(node)} is a stack of matrices, before opset 7.`);
}

/** (…, K, N) with a channel for each column of each matrix. */
function stackedColumns(dims: readonly number[]): WeightChannels["layout"] {
  const [rows = 1, columns = 1] = dims.slice(-2);
  const groups = elementCount(dims.slice(0, -2));
  return { groups, repeats: rows, channelsPerGroup: columns, inner: 1 };
}

interface Shift {
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

function absorbed(
  graph: Graph,
  node: Node,
  parameters: Parameters,
  channels: WeightChannels,
  affine: AffineForm,
  shift: () => Shift,
): ReturnType<LinearLayer["absorb"]> {
  const { weight } = parameters;
  const problem = weight.problem(channels, affine.scale);
  if (problem !== undefined) return problem;
  const appends = hasShift(affine);
  return {
    touches: weight.touches,
    appends,
    build: (place) =>
      rebuilt(
        graph,
        node,
        parameters,
        channels,
        affine.scale,
        appends ? shift() : undefined,
        place,
      ),
  };
}

function rebuilt(
  graph: Graph,
  node: Node,
  { weight, position, resultRank, fromRight }: Parameters,
  channels: WeightChannels,
  scale: Float64Array,
  shift: Shift | undefined,
  { names, input, output, add }: LayerPlace,
): LayerChanges {
  const scaled = weight.scaled(channels, scale, names);
  const data = input?.value ?? node.input[1 - position] ?? "";
  const inputs = position === 1 ? [data, scaled.value] : [scaled.value, data];
  const { replace } = scaled;
  if (shift === undefined) {
    const changed = changeNode(node, { input: inputs, output: [output] });
    return { nodes: [...scaled.nodes, changed], initializers: scaled.initializers, replace };
  }
  const product = names.builder.freshName(changedStem(node.output[0] ?? ""));
  const changed = changeNode(node, { input: inputs, output: [product] });
  const constant: Tensor = roundOnce(
    shiftName(graph, add, node.input[position] ?? "", names),
    shift.dims,
    weight.dataType,
    shift.values,
  );
  const operands = { value: product, constant: constant.name };
  const axis = resultRank - fromRight;
  const name = add?.name ?? names.builder.freshName(`${node.name || node.output[0]}_bias`);
  const made = channelArithmetic(graph, "Add", operands, output, axis, name);
  const { opType, input: addInput, output: addOutput, attribute } = made;
  const appended =
    add === undefined
      ? made
      : changeNode(add, { opType, input: addInput, output: addOutput, attribute });
  return {
    nodes: [...scaled.nodes, changed, appended],
    initializers: [...scaled.initializers, constant],
    replace,
  };
}

/** The name of the constant of the Add that was there, or one after the weight. */
function shiftName(
  graph: Graph,
  add: Node | undefined,
  weight: string,
  names: TensorNames,
): string {
  for (const value of add?.input ?? []) {
    const constant = constantValue(graph, value);
    if (constant !== undefined) return nameForChanged(graph, value, constant, names);
  }
  return biasName(weight, names);
}
