import { constantValue } from "../../../graph/constants.ts";
import { DataType, dataTypeName } from "../../../graph/data-type.ts";
import { type Graph, type Node, requiredInputs, type ValueInfo } from "../../../graph/graph.ts";
import { bodiesOf } from "../../../graph/index.ts";
import { InputError } from "../../../graph/input-error.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import type { JsonObject } from "../json.ts";
import { withComposed } from "./composed/with-composed.ts";
import { functionalConfig } from "./functional-config.ts";
import { LayerList } from "./layer-list.ts";
import {
  type KnownShapes,
  NodeCall,
  type TargetDialect,
  type WritingContext,
} from "./node-call.ts";
import { nodeWriter } from "./table.ts";
import { Unwritable } from "./unwritable.ts";
import type { LayerType, WrittenLayer } from "./written-layer.ts";
import { arranged, plainOrder } from "./written-value.ts";

export type { KnownShapes, TargetDialect } from "./node-call.ts";

/** A functional model of layers and its weights, for whichever container they go into. */
export interface LayersModel {
  /** class_name and config of the model. */
  readonly config: JsonObject;
  readonly layers: readonly WrittenLayer[];
  /** In the order of the layers, and in each in the order in which Keras counts them. */
  readonly weights: readonly LayerWeight[];
}

export interface LayerWeight {
  /** The layer's name, behind those of the models it lies in. */
  readonly path: readonly string[];
  readonly name: string;
  readonly tensor: Tensor;
}

const INPUT_TYPES: ReadonlyMap<DataType, LayerType> = new Map([
  [DataType.FLOAT, "float32"],
  [DataType.INT32, "int32"],
  [DataType.INT64, "int64"],
  [DataType.BOOL, "bool"],
  [DataType.UINT8, "uint8"],
]);

/** Longer lists are cut off: one operator is often what a whole model is made of. */
const MOST_REASONS = 3;

/**
 * A graph as a functional model of layers. Inputs and outputs keep the graph's order of axes, in
 * between the channels lie last; a Permute stands only where the two meet.
 *
 * @throws InputError naming the nodes that layers cannot express, their operators and the reasons.
 */
export function layersModel(
  source: Graph,
  shapes: KnownShapes,
  dialect: TargetDialect,
): LayersModel {
  const graph = withComposed(source, shapes);
  const list = new LayerList();
  const context: WritingContext = {
    graph,
    shapes,
    dialect,
    list,
    values: new Map(),
    absorbed: new Set(),
  };
  const inputs = requiredInputs(graph).map((info) => addInput(context, info));
  writeNodes(context);
  const outputs = graph.outputs.map((info) => outputLayer(context, info));
  const layers = list.needed(outputs);
  const weights = layers.flatMap((layer) =>
    layer.weights.map(({ name, tensor }) => ({ path: [layer.name], name, tensor })),
  );
  const config = functionalConfig({ name: graph.name, layers, inputs, outputs }, dialect);
  return { config, layers, weights };
}

function addInput({ list, shapes, values, dialect }: WritingContext, info: ValueInfo): string {
  const { name } = info;
  const shape = shapes.shape(name);
  const type = info.type?.value;
  const dataType = type?.case === "tensorType" ? (type.value.elemType as DataType) : undefined;
  const stated = dataType === undefined ? undefined : INPUT_TYPES.get(dataType);
  if (shape === undefined || shape.length === 0 || stated === undefined) {
    const what =
      dataType === undefined ? "no tensor" : `${dataTypeName(dataType)} [${shape ?? "?"}]`;
    throw new InputError(`input ${name} is ${what}; a layers model has no such input`);
  }
  // TensorFlow.js counts with 32 bits.
  const layerType = dialect === "tfjs" && stated === "int64" ? "int32" : stated;
  const layer = list.add({
    className: "InputLayer",
    stem: name,
    inputs: [],
    shape,
    dataType: layerType,
  });
  values.set(name, { layer, shape, axes: plainOrder(shape.length) });
  return layer;
}

function writeNodes(context: WritingContext): void {
  const { graph, absorbed } = context;
  const reasons: string[] = [];
  for (const node of neededNodes(graph)) {
    if (absorbed.has(node)) continue;
    try {
      writeNode(node, context);
    } catch (error) {
      if (!(error instanceof Unwritable)) throw error;
      // What reads a value that could not be made is no reason of its own.
      if (hasInputs(node, context)) {
        reasons.push(`${node.name || node.output[0]} (${node.opType}): ${error.message}`);
      }
    }
  }
  if (reasons.length === 0) return;
  const more = reasons.length - MOST_REASONS;
  const shown = reasons.slice(0, MOST_REASONS).join("; ");
  throw new InputError(
    `layers cannot express ${shown}${more > 0 ? `; and ${more} more nodes` : ""}`,
  );
}

function writeNode(node: Node, context: WritingContext): void {
  const writer = nodeWriter(node);
  if (bodiesOf(node).length > 0) throw new Unwritable("it holds a graph of its own");
  if (writer === undefined) throw new Unwritable("no layer computes it");
  const call = new NodeCall(node, context);
  const value = writer.write(call);
  if (value !== undefined) call.define(value);
}

/** Whether all that the node reads is constant or was written. */
function hasInputs(node: Node, { graph, values }: WritingContext): boolean {
  const read = nodeWriter(node)?.reads?.(node) ?? node.input.keys();
  return [...read].every((index) => {
    const name = node.input[index] ?? "";
    return name === "" || values.has(name) || constantValue(graph, name) !== undefined;
  });
}

/** The nodes that the outputs need, without those that only compute shapes. */
function neededNodes(graph: Graph): Node[] {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const kept = graph.nodes.toReversed().filter((node) => {
    if (!node.output.some((output) => needed.has(output))) return false;
    if (node.output.every((output) => constantValue(graph, output) !== undefined)) return false;
    const read = nodeWriter(node)?.reads?.(node) ?? node.input.keys();
    for (const index of read) {
      const name = node.input[index] ?? "";
      if (constantValue(graph, name) === undefined) needed.add(name);
    }
    return true;
  });
  return kept.reverse();
}

/** The layer that makes an output in the graph's own order of axes. */
function outputLayer({ values, list }: WritingContext, { name }: ValueInfo): string {
  const value = values.get(name);
  if (value === undefined) throw new InputError(`output ${name} is constant; no layer makes it`);
  try {
    return arranged(list, value, plainOrder(value.shape.length)).layer;
  } catch (error) {
    if (!(error instanceof Unwritable)) throw error;
    throw new InputError(`output ${name}: ${error.message}`);
  }
}
