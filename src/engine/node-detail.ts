import { AttributeProto_AttributeType as Kind } from "onnx-buf";
import { findings } from "../findings/registry.ts";
import type { Attribute } from "../graph/attributes.ts";
import { constantValue } from "../graph/constants.ts";
import { dataTypeName, isFloatingPoint } from "../graph/data-type.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { readFloat64 } from "../graph/numbers.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import {
  affineForm,
  isBatchNormalization,
  readBatchNormalization,
} from "../passes/batch-normalization.ts";
import { siteId } from "../passes/pass.ts";
import { isRefusal } from "../passes/refusal.ts";
import { valueTypes } from "../passes/value-types.ts";
import type { NodeDetail, ParameterDetail } from "../protocol/engine.ts";
import { valueStatistics } from "../statistics/value-statistics.ts";
import { shapeText } from "./document-view.ts";
import { layerRulesOf } from "./layer-rules.ts";
import { parameterRole } from "./parameter-roles.ts";
import { sitesAt } from "./technique-sites.ts";

/** Statistics of a larger tensor would keep the page waiting; exported CNN layers are well below. */
const MOST_ELEMENTS = 50_000_000;

/** Attribute lists longer than this are cut on the page. */
const LONGEST_LIST = 16;

/** What the page's right side shows of the selected node. */
export function nodeDetail(graph: Graph, position: number): NodeDetail {
  const node = graph.nodes[position];
  if (node === undefined) {
    throw new InputError(`node ${position} does not exist; the model has ${graph.nodes.length}`);
  }
  const name = siteId(node);
  const affine = channelwiseForm(graph, node);
  return {
    index: position,
    name,
    opType: node.opType,
    domain: node.domain,
    ...connections(graph, node),
    attributes: [
      ...node.attribute.map((attribute) => ({
        name: attribute.name,
        value: attributeText(attribute),
      })),
      ...layerRulesOf(node).map(({ what, rule }) => ({ name: what, value: rule })),
    ],
    parameters: parameters(graph, node),
    ...(affine === undefined ? {} : { affine }),
    techniques: sitesAt(graph, name),
    findings: findings(graph).filter((finding) => finding.node === name),
  };
}

function connections(graph: Graph, node: Node) {
  const types = valueTypes(graph);
  const index = indexOf(graph);
  const shape = (value: string) => shapeText(types.get(value));
  const from = (value: string) => {
    const producer = index.producer(value);
    return producer === undefined ? "" : `${producer.opType} ${siteId(producer)}`;
  };
  const data = node.input.filter((value) => value !== "" && !graph.initializers.has(value));
  return {
    inputs: data.map((name) => ({ name, from: from(name), shape: shape(name) })),
    outputs: node.output.map((name) => ({ name, shape: shape(name) })),
  };
}

function parameters(graph: Graph, node: Node): ParameterDetail[] {
  return node.input.flatMap((value, position) => {
    const tensor = value === "" ? undefined : constantValue(graph, value);
    return tensor === undefined
      ? []
      : [parameterDetail(tensor, value, parameterRole(node.opType, position))];
  });
}

function parameterDetail(tensor: Tensor, name: string, role: string): ParameterDetail {
  const known = { name, role, shape: tensor.dims, type: dataTypeName(tensor.dataType) };
  const elements = elementCount(tensor.dims);
  if (!isFloatingPoint(tensor.dataType)) return { ...known, note: "Not a floating-point tensor." };
  if (elements === 0) return { ...known, note: "It has no elements." };
  if (elements > MOST_ELEMENTS) {
    return { ...known, note: `${elements.toLocaleString("en")} elements are too many to show.` };
  }
  return { ...known, statistics: valueStatistics(name, readFloat64(tensor)) };
}

function channelwiseForm(graph: Graph, node: Node): NodeDetail["affine"] {
  if (!isBatchNormalization(node)) return undefined;
  const batchNorm = readBatchNormalization(graph, node);
  if (isRefusal(batchNorm)) return undefined;
  const affine = affineForm(batchNorm);
  if (isRefusal(affine)) return undefined;
  return { scale: [...affine.scale], shift: [...affine.shift] };
}

/** One attribute in the notation of the ONNX text format. */
export function attributeText(attribute: Attribute): string {
  const list = (items: readonly unknown[]) => {
    const shown = items.slice(0, LONGEST_LIST).join(", ");
    return items.length > LONGEST_LIST ? `[${shown}, … ${items.length} in all]` : `[${shown}]`;
  };
  switch (attribute.type) {
    case Kind.FLOAT:
      return String(
        Math.fround(attribute.f) === attribute.f ? shortFloat(attribute.f) : attribute.f,
      );
    case Kind.INT:
      return String(attribute.i);
    case Kind.STRING:
      return JSON.stringify(new TextDecoder().decode(attribute.s));
    case Kind.FLOATS:
      return list(attribute.floats.map(shortFloat));
    case Kind.INTS:
      return list(attribute.ints);
    case Kind.STRINGS:
      return list(attribute.strings.map((item) => JSON.stringify(new TextDecoder().decode(item))));
    case Kind.TENSOR:
      return `${dataTypeName(attribute.t?.dataType ?? 0)}[${attribute.t?.dims.join(",") ?? ""}]`;
    case Kind.GRAPH:
      return `graph of ${attribute.g?.node.length ?? 0} nodes`;
    default:
      return "…";
  }
}

/** The shortest decimal that is the same float32: 0.00001 instead of 0.000009999999747378752. */
function shortFloat(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}
