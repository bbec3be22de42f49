import {
  findNodeAtLocation,
  type ParseError,
  parseTree,
  type Node as TextNode,
} from "jsonc-parser";
import { isObject, parseJson } from "../layers/json.ts";
import { isModelClass } from "../layers/model-config.ts";

/** Characters of a text, counted in UTF-16 units. */
export interface TextSpan {
  readonly offset: number;
  readonly length: number;
}

/** Where a layer, or a model of layers, stands in the text of a model.json. */
export interface LayerPlace {
  /** Its name behind those of the models it lies in, "encoder/conv1"; "" for the whole model. */
  readonly path: string;
  readonly name: string;
  readonly className: string;
  readonly object: TextSpan;
  /** Its name in quotes, or what stands for it where the text gives none. */
  readonly label: TextSpan;
  readonly children: readonly LayerPlace[];
}

/** Deeper ones are refused when the model is read. */
const DEEPEST_MODEL = 32;

/**
 * The layers of a model.json as they stand in its text, in their order.
 *
 * @returns undefined for a text that is no JSON, and for JSON that is no model of TensorFlow.js.
 */
export function layerPlaces(text: string): LayerPlace | undefined {
  const root = modelRoot(text);
  const topology = root && findNodeAtLocation(root, ["modelTopology"]);
  if (root === undefined || topology === undefined) return undefined;
  const nested = findNodeAtLocation(topology, ["model_config"]);
  const model = nested?.type === "object" ? nested : topology;
  const key = topology.parent?.children?.[0] ?? topology;
  const label = findNodeAtLocation(model, ["config", "name"]) ?? key;
  const whole = { ...placeOf(model, "", 0), path: "", object: spanOf(root), label: spanOf(label) };
  const nodes = findNodeAtLocation(model, ["node"]);
  if (nodes?.type !== "array") return whole;
  const children = (nodes.children ?? []).map((node) => graphNodePlace(node));
  return { ...whole, name: whole.name || "graph", className: "GraphDef", children };
}

/** The document, where it is one that says it is a model. */
function modelRoot(text: string): TextNode | undefined {
  try {
    // Refuses nesting that the tree's own recursion could not follow.
    const document = parseJson(text, "the model's JSON");
    if (!isObject(document) || !isObject(document.modelTopology)) return undefined;
  } catch {
    return undefined;
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors);
  return errors.length === 0 ? root : undefined;
}

function placeOf(layer: TextNode, parent: string, depth: number): LayerPlace {
  const className = textAt(layer, ["class_name"]) ?? "";
  const labelled =
    findText(layer, ["name"]) ??
    findText(layer, ["config", "name"]) ??
    findText(layer, ["class_name"]);
  const name = labelled === undefined ? "" : String(labelled.value);
  const path = parent === "" ? name : `${parent}/${name}`;
  const inside = depth === 0 ? "" : path;
  const isModel = depth === 0 || isModelClass(className);
  const children = isModel && depth <= DEEPEST_MODEL ? layersOf(layer) : [];
  return {
    path,
    name,
    className,
    object: spanOf(layer),
    label: spanOf(labelled ?? layer),
    children: children.map((child) => placeOf(child, inside, depth + 1)),
  };
}

/** The list of layers; old Sequential models have it in place of the config. */
function layersOf(model: TextNode): readonly TextNode[] {
  const config = findNodeAtLocation(model, ["config"]);
  const layers =
    config?.type === "array" ? config : config && findNodeAtLocation(config, ["layers"]);
  return (layers?.children ?? []).filter(({ type }) => type === "object");
}

/** A node of a graph model: its operator is its class. */
function graphNodePlace(node: TextNode): LayerPlace {
  const labelled = findText(node, ["name"]);
  const name = labelled === undefined ? "" : String(labelled.value);
  return {
    path: name,
    name,
    className: textAt(node, ["op"]) ?? "",
    object: spanOf(node),
    label: spanOf(labelled ?? node),
    children: [],
  };
}

function findText(node: TextNode, path: readonly string[]): TextNode | undefined {
  const found = node.type === "object" ? findNodeAtLocation(node, [...path]) : undefined;
  return found?.type === "string" && found.value !== "" ? found : undefined;
}

function textAt(node: TextNode, path: readonly string[]): string | undefined {
  const found = findText(node, path);
  return found === undefined ? undefined : String(found.value);
}

function spanOf({ offset, length }: TextNode): TextSpan {
  return { offset, length };
}
