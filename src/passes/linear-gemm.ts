import { floatAttribute, intAttribute, makeAttribute } from "../graph/attributes.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import type { AffineForm } from "./batch-normalization.ts";
import { hasShift } from "./channel-affine.ts";
import { FIRST_OPSET_WITH_BROADCASTING } from "./channel-constant.ts";
import { type LayerBias, layerBias } from "./layer-bias.ts";
import { cannotHold, type LayerWeight, layerWeight, type WeightChannels } from "./layer-weight.ts";
import type { LayerChanges, LayerPlace, LinearLayer, LinearOperator } from "./linear-layer.ts";
import { overflowOf } from "./overflow.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { shiftThrough } from "./scaled-tensor.ts";

/**
 * Gemm, Y = α·A′·B′ + β·C, where ′ transposes or not and B is the stored weight.
 *
 * What follows acts on each column n, what stands before on each feature k:
 *
 *   a[n]·Y[·,n] + b[n] = A′·(α·a[n]·B′[·,n]) + (a[n]·β·C[·,n] + b[n])
 *   α·(A′·a + b)·B′ + β·C = A′·(α·a[k]·B′[k,·]) + (β·C + α·Σ_k b[k]·B′[k,·])
 *
 * α and β are multiplied in, so that each number is rounded once, and become 1. C broadcasts to
 * (M, N): a scalar becomes a row, and a column, which differs by row, the whole matrix. ONNX stores
 * α and β as float32.
 */
export const gemm: LinearOperator = { opType: "Gemm", seenFromOutput, seenFromInput };

interface Parameters {
  readonly weight: LayerWeight;
  readonly bias: LayerBias;
  readonly rows: WeightChannels;
  readonly columns: WeightChannels;
  readonly alpha: number;
  readonly beta: number;
}

function readParameters(graph: Graph, node: Node): Parameters | Refusal {
  const weight = layerWeight(graph, node, 1);
  if (isRefusal(weight)) return weight;
  if (weight.dims.length !== 2) {
    return refuse(`The weight of ${nodeLabel(node)} has shape [${weight.dims}], not two axes.`);
  }
  const [first = 0, second = 0] = weight.dims;
  const leading = { groups: 1, repeats: 1, channelsPerGroup: first, inner: second };
  const trailing = { groups: 1, repeats: first, channelsPerGroup: second, inner: 1 };
  const transposed = intAttribute(node, "transB", 0) !== 0;
  const axes = [
    { layout: leading, axis: 0 },
    { layout: trailing, axis: 1 },
  ] as const;
  const [rows, columns] = transposed ? [axes[1], axes[0]] : axes;
  const beta = Math.fround(floatAttribute(node, "beta", 1));
  const width = columns.layout.channelsPerGroup;
  // With β = 0 nothing of C enters, not even whether it is known.
  const unused = beta === 0 ? changeNode(node, { input: node.input.slice(0, 2) }) : node;
  const bias = layerBias(graph, unused, 2, weight, [width]);
  if (isRefusal(bias)) return bias;
  if (!broadcasts(bias.dims, width)) {
    return refuse(
      `The bias of ${nodeLabel(node)} (${node.input[2]}) has shape [${bias.dims}], its weight has ${width} columns.`,
    );
  }
  const alpha = Math.fround(floatAttribute(node, "alpha", 1));
  return { weight, bias, rows, columns, alpha, beta };
}

function broadcasts(dims: readonly number[], width: number): boolean {
  const last = dims.at(-1) ?? 1;
  return dims.length <= 2 && (last === width || last === 1);
}

function seenFromOutput(graph: Graph, node: Node): LinearLayer | Refusal {
  const parameters = readParameters(graph, node);
  if (isRefusal(parameters)) return parameters;
  const { columns, alpha, bias, weight } = parameters;
  return {
    node,
    axis: 1,
    channels: columns.layout.channelsPerGroup,
    shift: "own",
    absorb: ({ scale, shift }) => {
      const added = spread(parameters, scale, shift);
      const overflow = overflowOf(added.values, weight.dataType);
      if (overflow !== undefined) return cannotHold(node, overflow);
      const factors = scale.map((value) => value * alpha);
      return absorbed(graph, node, weight, columns, factors, bias, () => added);
    },
  };
}

function seenFromInput(graph: Graph, node: Node, position: number): LinearLayer | Refusal {
  if (position !== 0) return refuse(`${nodeLabel(node)} does not multiply it by a stored weight.`);
  const parameters = readParameters(graph, node);
  if (isRefusal(parameters)) return parameters;
  const { rows, columns, alpha, bias, weight } = parameters;
  return {
    node,
    axis: intAttribute(node, "transA", 0) !== 0 ? 0 : 1,
    channels: rows.layout.channelsPerGroup,
    shift: "own",
    absorb: (affine) => {
      const factors = affine.scale.map((value) => value * alpha);
      const newBias = () => {
        const shift = affine.shift.map((value) => value * alpha);
        const sums = hasShift(affine)
          ? shiftThrough(weight.values(), rows.layout, columns.layout, shift)
          : new Float64Array(columns.layout.channelsPerGroup);
        return spread(parameters, sums.slice().fill(1), sums);
      };
      return absorbed(graph, node, weight, rows, factors, bias, newBias);
    },
  };
}

interface Matrix {
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

/** a[n]·β·C[m,n] + b[n], of C's own shape where that has a number for each column. */
function spread({ bias, beta }: Parameters, a: Float64Array, b: AffineForm["shift"]): Matrix {
  const width = a.length;
  const whole = bias.dims.at(-1) === width && bias.dims.length > 0;
  const rows = whole ? bias.values.length / Math.max(width, 1) : bias.values.length;
  const values = Float64Array.from({ length: rows * width }, (_, position) => {
    const n = position % width;
    const c = bias.values[whole ? position : Math.floor(position / width)] as number;
    return (a[n] as number) * beta * c + (b[n] as number);
  });
  return { dims: whole ? bias.dims : rows === 1 ? [width] : [rows, width], values };
}

function absorbed(
  graph: Graph,
  node: Node,
  weight: LayerWeight,
  channels: WeightChannels,
  factors: Float64Array,
  bias: LayerBias,
  newBias: () => Matrix,
): ReturnType<LinearLayer["absorb"]> {
  const problem = weight.problem(channels, factors);
  if (problem !== undefined) return problem;
  return {
    touches: weight.touches,
    appends: false,
    build: (place) => rebuilt(graph, node, weight, channels, factors, bias, newBias(), place),
  };
}

function rebuilt(
  graph: Graph,
  node: Node,
  weight: LayerWeight,
  channels: WeightChannels,
  factors: Float64Array,
  bias: LayerBias,
  { dims, values }: Matrix,
  { names, input, output }: LayerPlace,
): LayerChanges {
  const scaled = weight.scaled(channels, factors, names);
  const needed = (node.input[2] ?? "") !== "" || values.some((value) => value !== 0);
  const newBias = needed ? bias.changed(names, dims, values) : undefined;
  const inputs = [input?.value ?? node.input[0] ?? "", scaled.value];
  const kept = node.attribute.filter(({ name }) => name !== "alpha" && name !== "beta");
  const broadcast = kept.some(({ name }) => name === "broadcast");
  const changed = changeNode(node, {
    input: newBias === undefined ? inputs : [...inputs, newBias.name],
    output: [output],
    attribute:
      standardOpset(graph) < FIRST_OPSET_WITH_BROADCASTING && !broadcast
        ? [...kept, makeAttribute("broadcast", { int: 1 })]
        : kept,
  });
  return {
    nodes: [...scaled.nodes, changed],
    initializers: [...scaled.initializers, ...(newBias === undefined ? [] : [newBias])],
    replace: scaled.replace,
  };
}
