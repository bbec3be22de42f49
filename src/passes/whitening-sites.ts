import { intAttribute, stringAttribute } from "../graph/attributes.ts";
import { dataTypeName } from "../graph/data-type.ts";
import { fedValues } from "../graph/fed-values.ts";
import { type Graph, isStandardDomain, type Node, standardOpset } from "../graph/graph.ts";
import { nodeRole } from "../graph/node-role.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import { staticShape } from "../operators/shape-algebra.ts";
import { type Window, windowOf } from "../operators/window.ts";
import type { Candidate } from "./candidates.ts";
import { knownTensor } from "./known-tensor.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { rankOf, valueTypes } from "./value-types.ts";

/** "fold" compensates in the layer, so that the function stays; "keep" leaves the layer as it is. */
export type WhiteningMode = "fold" | "keep";

/** A linear layer whose input can be whitened. */
export interface WhiteningPlace {
  readonly layer: Node;
  /** The layer's input: (N, features), or (N, channels, …) before a Conv. */
  readonly value: string;
  readonly features: number;
  readonly weight: Tensor;
  /** What the layer adds; undefined where it adds nothing, and in mode "keep". */
  readonly bias: Tensor | undefined;
  /** Zero padding of a Conv that has to happen before the whitening; undefined where there is none. */
  readonly padding: Pick<Window, "begin" | "end"> | undefined;
}

/** The eigenvalues of more take minutes, and their matrix more room than most layers. */
const MOST_FEATURES = 1024;

/** Before it, Gemm and Conv need attributes that say how their inputs broadcast. */
const FIRST_OPSET = 7;

/** Every linear layer whose input depends on the data, in node order. */
export function whiteningCandidates(
  graph: Graph,
  mode: WhiteningMode,
): readonly Candidate<WhiteningPlace>[] {
  const fed = fedValues(graph);
  return graph.nodes.flatMap((layer) => {
    const [value = "", weight = ""] = layer.input;
    const linear =
      isStandardDomain(layer.domain) &&
      ["Conv", "Gemm", "MatMul"].includes(layer.opType) &&
      nodeRole(layer) !== "whitening" &&
      fed.has(value) &&
      !(layer.opType === "MatMul" && fed.has(weight));
    return linear ? [{ node: layer, plan: whiteningPlace(graph, layer, mode) }] : [];
  });
}

function whiteningPlace(graph: Graph, layer: Node, mode: WhiteningMode): WhiteningPlace | Refusal {
  const opset = standardOpset(graph);
  if (opset < FIRST_OPSET) {
    return refuse(
      `${nodeLabel(layer)} is of operator set ${opset}; whitening is written from 7 on.`,
    );
  }
  const weight = knownTensor(graph, layer.input[1] ?? "", `weight of ${nodeLabel(layer)}`);
  if (isRefusal(weight)) return weight;
  const features = featuresOf(graph, layer, weight);
  if (typeof features === "object") return features;
  if (features > MOST_FEATURES) {
    return refuse(
      `${nodeLabel(layer)} reads ${features} features; the covariance of at most ${MOST_FEATURES} is taken apart.`,
    );
  }
  const place = { layer, value: layer.input[0] ?? "", features, weight };
  if (mode === "keep") return { ...place, bias: undefined, padding: undefined };
  if (layer.opType === "Conv" && features !== weight.dims[1]) {
    return refuse(
      `${nodeLabel(layer)} keeps its input channels apart in ${intAttribute(layer, "group", 1)} groups, so it cannot undo what whitening mixes.`,
    );
  }
  const bias = biasOf(graph, layer, weight);
  if (bias !== undefined && isRefusal(bias)) return bias;
  const padding = paddingOf(graph, layer, weight);
  if (padding !== undefined && isRefusal(padding)) return padding;
  return { ...place, bias, padding };
}

function featuresOf(graph: Graph, layer: Node, weight: Tensor): number | Refusal {
  const { dims } = weight;
  if (layer.opType === "Conv" ? dims.length < 3 : dims.length !== 2) {
    return refuse(`The weight of ${nodeLabel(layer)} (${layer.input[1]}) has shape [${dims}].`);
  }
  if (layer.opType === "Conv") return (dims[1] as number) * intAttribute(layer, "group", 1);
  if (layer.opType === "Gemm") {
    return intAttribute(layer, "transA", 0) === 0
      ? (dims[intAttribute(layer, "transB", 0)] as number)
      : refuse(`${nodeLabel(layer)} transposes its input, so its rows are no samples.`);
  }
  const rank = rankOf(graph, layer.input[0] ?? "");
  return rank === 2
    ? (dims[0] as number)
    : refuse(
        `${nodeLabel(layer)} reads ${layer.input[0]} of ${rank ?? "unknown"} dimensions; whitening is a Gemm, which needs two.`,
      );
}

/** One number, or one an output unit; whatever else a Gemm may add has no place in a row. */
function biasOf(graph: Graph, layer: Node, weight: Tensor): Tensor | Refusal | undefined {
  const value = layer.opType === "MatMul" ? "" : (layer.input[2] ?? "");
  if (value === "") return undefined;
  const bias = knownTensor(graph, value, `bias of ${nodeLabel(layer)}`);
  if (isRefusal(bias)) return bias;
  const units = outputUnits(layer, weight);
  const count = elementCount(bias.dims);
  const fits = count === 1 || (count === units && bias.dims.at(-1) === units);
  if (fits && bias.dataType === weight.dataType) return bias;
  return refuse(
    `The bias of ${nodeLabel(layer)} (${value}) is ${dataTypeName(bias.dataType)} of shape [${bias.dims}], not one number for each of ${units} units.`,
  );
}

export function outputUnits(layer: Node, { dims }: Tensor): number {
  const first = layer.opType === "Conv" || intAttribute(layer, "transB", 0) !== 0;
  return dims[first ? 0 : 1] as number;
}

/** A zero around the input is no zero behind the whitening, which subtracts the mean. */
function paddingOf(graph: Graph, layer: Node, weight: Tensor): WhiteningPlace["padding"] | Refusal {
  if (layer.opType !== "Conv") return undefined;
  const kernel = weight.dims.slice(2);
  const sizes = staticShape(
    valueTypes(graph)
      .get(layer.input[0] ?? "")
      ?.shape.slice(2) ?? [],
  );
  const known = sizes?.length === kernel.length;
  const automatic = stringAttribute(layer, "auto_pad", "NOTSET").startsWith("SAME");
  if (automatic && !known && kernel.some((size) => size !== 1)) {
    return refuse(
      `${nodeLabel(layer)} pads by auto_pad, and the size of ${layer.input[0]} is not known.`,
    );
  }
  const { begin, end } = windowOf(layer, kernel, known ? sizes : []);
  return [...begin, ...end].some((size) => size !== 0) ? { begin, end } : undefined;
}
