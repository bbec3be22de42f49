import { type DataType, dataTypeName, isFloatingPoint } from "../graph/data-type.ts";
import { fedValues } from "../graph/fed-values.ts";
import { type Graph, isStandardDomain, type Node, standardOpset } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { nodeRole } from "../graph/node-role.ts";
import type { ValueType } from "../operators/operator.ts";
import { FIRST_OPSET_WITH_BROADCASTING } from "./channel-constant.ts";
import { readConstantAffine } from "./constant-affine.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { valueTypes } from "./value-types.ts";

/**
 * What a linear layer makes, t = W·x + b, with its channels along axis 1: where a normalization
 * stands before the nonlinearity. The weight may be stored or computed from stored tensors.
 */
export interface PreActivation {
  readonly layer: Node;
  /** The Add behind the layer that adds one constant a channel, as MatMul has its bias. */
  readonly add: Node | undefined;
  /** The value t. */
  readonly value: string;
  readonly dataType: DataType;
  readonly rank: number;
  readonly channels: number;
}

export interface LayerPlace {
  readonly layer: Node;
  readonly place: PreActivation | Refusal;
}

const LAYERS: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/** Every linear layer in node order, with the place behind it or the reason why there is none. */
export function layerPlaces(graph: Graph): readonly LayerPlace[] {
  const fed = fedValues(graph);
  const layers = graph.nodes.filter(
    (node) =>
      isStandardDomain(node.domain) &&
      LAYERS.has(node.opType) &&
      nodeRole(node) !== "whitening" &&
      node.input.some((value) => fed.has(value)),
  );
  if (layers.length === 0) return [];
  const types = valueTypes(graph);
  return layers.map((layer) => ({ layer, place: preActivation(graph, layer, types, fed) }));
}

function preActivation(
  graph: Graph,
  layer: Node,
  types: ReadonlyMap<string, ValueType>,
  fed: ReadonlySet<string>,
): PreActivation | Refusal {
  const label = nodeLabel(layer);
  const [first = "", second = ""] = layer.input;
  if (standardOpset(graph) < FIRST_OPSET_WITH_BROADCASTING) {
    return refuse(
      `The model uses operator set ${standardOpset(graph)}; behind ${label} something is inserted from ${FIRST_OPSET_WITH_BROADCASTING} on.`,
    );
  }
  if (fed.has(second)) {
    return refuse(
      fed.has(first)
        ? `Both operands of ${label}, ${first} and ${second}, depend on the model's input.`
        : `The weight of ${label} is its left operand, so axis 1 of its result is not its features.`,
    );
  }
  const [product = ""] = layer.output;
  const type = types.get(product);
  const channels = type?.shape[1];
  if (type === undefined || (type.shape.length >= 2 && typeof channels !== "number")) {
    return refuse(`The number of channels of ${product}, the result of ${label}, is not known.`);
  }
  if (layer.opType === "MatMul" && type.shape.length !== 2) {
    return refuse(
      `The result of ${label} has ${type.shape.length} dimensions [${type.shape.join(", ")}], and its features are not along axis 1.`,
    );
  }
  if (typeof channels !== "number") return refuse(`The result of ${label} has no channels.`);
  if (!isFloatingPoint(type.dataType)) {
    return refuse(`The result of ${label} is ${dataTypeName(type.dataType)}.`);
  }
  const add = biasAdd(graph, product, channels);
  const value = add?.output[0] ?? product;
  const { dataType, shape } = type;
  return { layer, add, value, dataType, rank: shape.length, channels };
}

/** The Add of one constant a channel that alone reads a layer's product. */
function biasAdd(graph: Graph, product: string, channels: number): Node | undefined {
  const reader = onlyReader(graph, product);
  if (reader === undefined || channelShift(graph, reader, product, channels) === undefined) {
    return undefined;
  }
  return reader.opType === "Add" ? reader : undefined;
}

/** The node that alone reads a value; undefined where somebody else sees it too. */
export function onlyReader(graph: Graph, value: string): Node | undefined {
  const index = indexOf(graph);
  const [use, ...others] = index.uses(value);
  const seen = others.length > 0 || index.isOutput(value) || index.readByBody(value);
  return seen ? undefined : use?.node;
}

/**
 * What an Add or Sub of a stored tensor adds to each channel, along axis 1; undefined for every
 * other node, and where the tensor is laid along another axis.
 */
export function channelShift(
  graph: Graph,
  node: Node,
  input: string,
  channels: number,
): Float64Array | undefined {
  if (node.opType !== "Add" && node.opType !== "Sub") return undefined;
  const arithmetic = readConstantAffine(graph, node);
  if (arithmetic === undefined || isRefusal(arithmetic) || arithmetic.input !== input) {
    return undefined;
  }
  const { axis, scale, shift } = arithmetic.affine;
  if (scale.some((factor) => factor !== 1)) return undefined;
  if (axis === undefined) return new Float64Array(channels).fill(shift[0] ?? 0);
  return axis === 1 && shift.length === channels ? shift : undefined;
}
