import { floatAttribute, intAttribute } from "../graph/attributes.ts";
import { constantValue } from "../graph/constants.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { isMovement } from "../passes/channel-tracking.ts";
import { dropRatio, isDropout } from "../passes/dropout.ts";
import { knownTensor, knownValues } from "../passes/known-tensor.ts";
import { siteId } from "../passes/pass.ts";
import { isRefusal, nodeLabel } from "../passes/refusal.ts";

/** What makes predictions of a layer's results; undefined where the model ends with them. */
export type Link = "softmax" | "sigmoid" | "identity";

/** A layer z = x·β + b as a generalized linear model of what it reads. */
export interface GeneralizedLinearLayer {
  readonly node: Node;
  /** Value of shape [batch, features]. */
  readonly input: string;
  /** Value of shape [batch, outputs], with the bias. */
  readonly logits: string;
  readonly features: number;
  readonly outputs: number;
  /** β, row-major [features, outputs]. */
  readonly weights: Float64Array;
  readonly next: Next;
  /** The rate of the Dropout in front, where there is one. */
  readonly rate: number | undefined;
}

/** What stands behind a layer: a link, the model's end, or a node that is neither. */
type Next = Link | "end" | Node;

/**
 * The named layer, or the last one that could be meant.
 *
 * @throws InputError where there is none or its weight is not known.
 */
export function generalizedLinearLayer(graph: Graph, name: string): GeneralizedLinearLayer {
  const layers = graph.nodes.filter(isDense);
  const stored = (each: Node) => constantValue(graph, each.input[1] ?? "") !== undefined;
  const node =
    name === "" ? layers.filter(stored).at(-1) : layers.find((each) => siteId(each) === name);
  if (node === undefined) {
    const known = layers.map(siteId).slice(0, 10).join(", ") || "none";
    throw new InputError(
      name === ""
        ? "the model has no Gemm or MatMul whose weight stands on the right"
        : `option layer is ${name}, which is no Gemm or MatMul of the model; there are: ${known}`,
    );
  }
  const { features, outputs, weights } = weightOf(graph, node);
  const { logits, next } = followed(graph, node);
  const input = node.input[0] ?? "";
  return { node, input, logits, features, outputs, weights, next, rate: rateBefore(graph, input) };
}

function isDense(node: Node): boolean {
  if (!isStandardDomain(node.domain)) return false;
  return (
    node.opType === "MatMul" || (node.opType === "Gemm" && intAttribute(node, "transA", 0) === 0)
  );
}

function weightOf(graph: Graph, node: Node) {
  const value = node.input[1] ?? "";
  const tensor = knownTensor(graph, value, `weight of ${nodeLabel(node)}`);
  if (isRefusal(tensor)) throw new InputError(tensor.reason);
  const [rows = 0, columns = 0] = tensor.dims;
  if (tensor.dims.length !== 2) {
    throw new InputError(
      `the weight ${value} of ${nodeLabel(node)} has shape [${tensor.dims}]; a matrix is needed`,
    );
  }
  const stored = knownValues(tensor);
  if (isRefusal(stored)) throw new InputError(stored.reason);
  const gemm = node.opType === "Gemm";
  const alpha = gemm ? floatAttribute(node, "alpha", 1) : 1;
  const transposed = gemm && intAttribute(node, "transB", 0) !== 0;
  const [features, outputs] = transposed ? [columns, rows] : [rows, columns];
  const weights = Float64Array.from(stored, (_, position) => {
    const [j, k] = [Math.floor(position / outputs), position % outputs];
    return alpha * (stored[transposed ? k * features + j : position] as number);
  });
  return { features, outputs, weights };
}

/** Operators that make predictions where the model ends with them. */
const LINKS: Readonly<Record<string, Link>> = {
  Softmax: "softmax",
  LogSoftmax: "softmax",
  Sigmoid: "sigmoid",
};

/** Through the bias of a MatMul and what passes values on. */
function followed(graph: Graph, node: Node): { logits: string; next: Next } {
  const index = indexOf(graph);
  let logits = node.output[0] ?? "";
  for (;;) {
    const [use, ...others] = index.uses(logits);
    if (use === undefined || others.length > 0 || index.isOutput(logits)) {
      return { logits, next: index.isOutput(logits) || use === undefined ? "end" : use.node };
    }
    const reader = use.node;
    const link = LINKS[reader.opType];
    if (link !== undefined && index.isOutput(reader.output[0] ?? "")) return { logits, next: link };
    const other = reader.input[1 - use.input] ?? "";
    const bias = reader.opType === "Add" && constantValue(graph, other) !== undefined;
    const passed = reader.opType === "Identity" || isDropout(reader);
    if (!isStandardDomain(reader.domain) || !(bias || passed)) return { logits, next: reader };
    logits = reader.output[0] ?? "";
  }
}

/** The rate of the Dropout that a value comes from, with nothing between but movements. */
function rateBefore(graph: Graph, value: string): number | undefined {
  const index = indexOf(graph);
  const seen = new Set<Node>();
  let producer = index.producer(value);
  while (producer !== undefined && isMovement(producer) && !seen.has(producer)) {
    seen.add(producer);
    producer = index.producer(producer.input[0] ?? "");
  }
  if (producer === undefined || !isDropout(producer)) return undefined;
  const ratio = dropRatio(graph, producer);
  return typeof ratio === "number" && ratio > 0 ? ratio : undefined;
}
