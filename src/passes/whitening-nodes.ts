import { floatAttribute, intAttribute, makeAttribute } from "../graph/attributes.ts";
import { type GraphBuilder, makeNode } from "../graph/builder.ts";
import { changeNode, type GraphChanges } from "../graph/edit.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import { withRole, withRoleNumber } from "../graph/node-role.ts";
import { elementCount, int64Tensor, type Tensor } from "../graph/tensor.ts";
import { biasName, nameForChanged } from "./fold-pattern.ts";
import { overflowOf } from "./overflow.ts";
import { siteId } from "./pass.ts";
import { nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { exactFloat64, roundOnce } from "./scaled-tensor.ts";
import { outputUnits, type WhiteningMode, type WhiteningPlace } from "./whitening-sites.ts";
import type { WhiteningTransform } from "./whitening-transform.ts";

/** From it on, Pad reads its sizes from an input. */
const FIRST_OPSET_WITH_PADS_INPUT = 11;

export interface WhiteningOptions {
  readonly mode: WhiteningMode;
  /** Of Newton and Schulz while training. */
  readonly iterations: number;
}

/** What replaces the layer, and the name of the whitening node in front of it. */
export interface WhitenedLayer extends GraphChanges {
  readonly whitening: string;
}

/**
 * The layer with a node in front of it that computes x̂ = P·(x − m), and in mode "fold" with
 *
 *   W′ = W·P⁻¹,   b′ = b + W·m,   so that   W′·x̂ + b′ = W·x + b.
 *
 * The node is a Conv of kernel 1 before a Conv and a Gemm otherwise, with the role "whitening".
 */
export function whitenedLayer(
  graph: Graph,
  place: WhiteningPlace,
  transform: WhiteningTransform,
  { mode, iterations }: WhiteningOptions,
  builder: GraphBuilder,
): WhitenedLayer | Refusal {
  const { layer, weight } = place;
  const name = builder.freshName(`${siteId(layer)}_whitening`);
  const padded = paddingNode(graph, place, builder);
  const tensors = whiteningTensors(place, transform, name, builder);
  const compensated = mode === "keep" ? undefined : compensation(graph, place, transform, builder);
  const initializers = [...tensors, ...(compensated?.initializers ?? [])];
  for (const tensor of initializers) {
    const overflow = overflowOf(exactFloat64(tensor), weight.dataType);
    if (overflow !== undefined) {
      return refuse(`The whitened ${nodeLabel(layer)} would have to store ${overflow}.`);
    }
  }
  const output = builder.freshName(`${place.value}_whitened`);
  const inputs = [padded?.output ?? place.value, ...tensors.map((tensor) => tensor.name)];
  const opType = layer.opType === "Conv" ? "Conv" : "Gemm";
  const node = makeNode(opType, inputs, [output], { name });
  const whitening = withRoleNumber(withRole(node, "whitening"), "iterations", iterations);
  const [, ...rest] = layer.input;
  const changed = changeNode(compensated?.layer ?? layer, {
    input: [output, ...(compensated?.inputs ?? rest)],
  });
  return {
    whitening: name,
    replace: new Map([[layer, [...(padded?.nodes ?? []), whitening, changed]]]),
    initializers: [...initializers, ...(padded?.initializers ?? [])],
  };
}

/** P as (C, C, 1, …) or (K, K), and −P·m. */
function whiteningTensors(
  { features, weight }: WhiteningPlace,
  { whiten, mean }: WhiteningTransform,
  name: string,
  builder: GraphBuilder,
): Tensor[] {
  const shift = new Float64Array(features);
  for (let row = 0; row < features; row++) {
    let sum = 0;
    for (let k = 0; k < features; k++) {
      sum -= (whiten[row * features + k] as number) * (mean[k] as number);
    }
    shift[row] = sum;
  }
  const dims = [features, features, ...weight.dims.slice(2).map(() => 1)];
  const { dataType } = weight;
  return [
    roundOnce(builder.freshName(`${name}.weight`), dims, dataType, whiten),
    roundOnce(builder.freshName(`${name}.bias`), [features], dataType, shift),
  ];
}

interface Compensation {
  readonly layer: Node;
  /** The layer's inputs behind the first. */
  readonly inputs: readonly string[];
  readonly initializers: readonly Tensor[];
}

function compensation(
  graph: Graph,
  place: WhiteningPlace,
  transform: WhiteningTransform,
  builder: GraphBuilder,
): Compensation {
  const { layer, weight, bias } = place;
  const names = { builder, copies: false };
  const values = exactFloat64(weight);
  const alpha = layer.opType === "Gemm" ? Math.fround(floatAttribute(layer, "alpha", 1)) : 1;
  const beta = layer.opType === "Gemm" ? Math.fround(floatAttribute(layer, "beta", 1)) : 1;
  const stored = bias === undefined ? undefined : exactFloat64(bias);
  const shift = shiftThrough(place, values, transform.mean).map((sum, unit) => {
    const own = stored === undefined ? 0 : (stored[stored.length === 1 ? 0 : unit] as number);
    return alpha * sum + beta * own;
  });
  const weightName = nameForChanged(graph, layer.input[1] ?? "", weight, names);
  const newWeight = roundOnce(
    weightName,
    weight.dims,
    weight.dataType,
    timesMatrix(place, values, transform.restore),
  );
  const keepsShape = bias !== undefined && elementCount(bias.dims) === shift.length;
  const newBias = roundOnce(
    bias === undefined
      ? biasName(layer.input[1] ?? "", names)
      : nameForChanged(graph, layer.input[2] ?? "", bias, names),
    keepsShape ? bias.dims : [shift.length],
    weight.dataType,
    shift,
  );
  return {
    layer: compensatedNode(place),
    inputs: [newWeight.name, newBias.name],
    initializers: [newWeight, newBias],
  };
}

/** β is in the new bias; a MatMul gets a bias by becoming a Gemm; a Conv's padding went ahead. */
function compensatedNode({ layer, padding }: WhiteningPlace): Node {
  if (layer.opType === "MatMul") return changeNode(layer, { opType: "Gemm" });
  const dropped = layer.opType === "Gemm" ? ["beta"] : ["pads", "auto_pad"];
  if (layer.opType === "Conv" && padding === undefined) return layer;
  const attribute = layer.attribute.filter(({ name }) => !dropped.includes(name));
  if (padding === undefined) return changeNode(layer, { attribute });
  const pads = [...padding.begin, ...padding.end].map(() => 0);
  return changeNode(layer, { attribute: [...attribute, makeAttribute("pads", { ints: pads })] });
}

/** A weight as [outer, features, inner]: (M, C, kernel), (N, K, 1) or (1, K, N). */
function layoutOf({ layer, weight, features }: WhiteningPlace) {
  const first = layer.opType === "Conv" || intAttribute(layer, "transB", 0) !== 0;
  const outer = first ? (weight.dims[0] as number) : 1;
  return { outer, features, inner: elementCount(weight.dims) / Math.max(1, outer * features) };
}

/** W·Q along the features: result[o, i, t] = Σ_j W[o, j, t]·Q[j, i], in float64. */
function timesMatrix(
  place: WhiteningPlace,
  values: Float64Array,
  matrix: Float64Array,
): Float64Array {
  const { outer, features, inner } = layoutOf(place);
  const result = new Float64Array(values.length);
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < features; j++) {
      const from = (o * features + j) * inner;
      for (let i = 0; i < features; i++) {
        const factor = matrix[j * features + i] as number;
        const to = (o * features + i) * inner;
        for (let t = 0; t < inner; t++) {
          result[to + t] = (result[to + t] as number) + factor * (values[from + t] as number);
        }
      }
    }
  }
  return result;
}

/** W·m: what the mean, the same at every position, makes of each output unit. */
function shiftThrough(place: WhiteningPlace, values: Float64Array, mean: Float64Array) {
  const { outer, features, inner } = layoutOf(place);
  const units = outputUnits(place.layer, place.weight);
  const sums = new Float64Array(units);
  const perInner = units !== outer;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < features; j++) {
      for (let t = 0; t < inner; t++) {
        const unit = perInner ? t : o;
        const product = (values[(o * features + j) * inner + t] as number) * (mean[j] as number);
        sums[unit] = (sums[unit] as number) + product;
      }
    }
  }
  return sums;
}

/** The Conv's padding as a Pad of its own. */
function paddingNode(
  graph: Graph,
  { layer, value, padding }: WhiteningPlace,
  builder: GraphBuilder,
) {
  if (padding === undefined) return undefined;
  const sizes = [0, 0, ...padding.begin, 0, 0, ...padding.end];
  const output = builder.freshName(`${value}_padded`);
  const name = builder.freshName(`${siteId(layer)}_padding`);
  if (standardOpset(graph) < FIRST_OPSET_WITH_PADS_INPUT) {
    const attributes = { pads: { ints: sizes } };
    const node = makeNode("Pad", [value], [output], { name, attributes });
    return { nodes: [node], initializers: [], output };
  }
  const pads = int64Tensor(builder.freshName(`${name}.sizes`), [sizes.length], sizes);
  const node = makeNode("Pad", [value, pads.name], [output], { name });
  return { nodes: [node], initializers: [pads], output };
}
