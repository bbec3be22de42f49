import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import { findAttribute, intAttribute, makeAttribute } from "../graph/attributes.ts";
import { type Dimension, makeValueInfo } from "../graph/builder.ts";
import { DataType, dataTypeName } from "../graph/data-type.ts";
import { changeNode } from "../graph/edit.ts";
import { type Graph, type Node, requiredInputs, type ValueInfo } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { InputError } from "../graph/input-error.ts";
import { LOSSES, type LossKind } from "./losses/table.ts";

/** The one input that samples are fed to. */
export interface SampleInput {
  readonly name: string;
  /** Where the model allows one batch size only. */
  readonly batchSize?: number;
  /** Shape without the batch dimension; undefined where the model leaves a size open. */
  readonly sampleShape: readonly (number | undefined)[];
}

/** @throws InputError where data cannot be fed: several inputs, not float32, no batch dimension. */
export function sampleInput(graph: Graph): SampleInput {
  const inputs = requiredInputs(graph);
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) {
    const names = inputs.map((input) => input.name).join(", ");
    throw new InputError(`the model has ${inputs.length} inputs (${names}); data is fed to one`);
  }
  const { dataType, shape } = tensorType(input);
  if (dataType !== DataType.FLOAT) {
    throw new InputError(`input ${input.name}: is ${dataTypeName(dataType)}; float32 is needed`);
  }
  if (shape === undefined || shape.length < 2) {
    throw new InputError(
      `input ${input.name}: its shape must have a batch dimension and at least one more`,
    );
  }
  const sampleShape = shape.slice(1).map((size) => (typeof size === "number" ? size : undefined));
  const [batchSize] = shape;
  return typeof batchSize === "number"
    ? { name: input.name, batchSize, sampleShape }
    : { name: input.name, sampleShape };
}

function tensorType(info: ValueInfo): { dataType: number; shape?: readonly Dimension[] } {
  const type = info.type?.value;
  if (type?.case !== "tensorType") return { dataType: DataType.UNDEFINED };
  const dataType = type.value.elemType;
  if (type.value.shape === undefined) return { dataType };
  const shape = type.value.shape.dim.map((dim) =>
    dim.value.case === "dimValue" ? Number(dim.value.value) : (dim.value.value ?? "?"),
  );
  return { dataType, shape };
}

/** The model with its input given a fixed shape. Stated shapes of other values are dropped. */
export function withInputShape(graph: Graph, input: string, shape: readonly number[]): Graph {
  const fixed = makeValueInfo(input, DataType.FLOAT, shape);
  const inputs = graph.inputs.map((info) => (info.name === input ? fixed : info));
  return { ...graph, inputs, valueInfo: [], source: { format: "memory" } };
}

/**
 * The value that the loss is taken of: the first output, behind Identity nodes; the logits, where
 * the model ends in the Softmax or LogSoftmax over classes, or the Sigmoid, of the loss's own formula.
 * Their gradient through log ∘ softmax would lose its digits where a probability rounds to 0.
 */
export function lossValue(graph: Graph, loss: LossKind): string {
  const output = graph.outputs[0]?.name;
  if (output === undefined) throw new InputError("the model has no output");
  const producer = producerBehindIdentity(graph, output);
  if (producer === undefined || !LOSSES[loss].absorbs.includes(producer.opType)) return output;
  if (producer.opType === "Sigmoid") return producer.input[0] ?? output;
  const axis = intAttribute(producer, "axis", -1);
  return axis === 1 || axis === -1 ? (producer.input[0] ?? output) : output;
}

function producerBehindIdentity(graph: Graph, value: string): Node | undefined {
  const index = indexOf(graph);
  let producer = index.producer(value);
  while (producer?.opType === "Identity") producer = index.producer(producer.input[0] ?? "");
  return producer;
}

/**
 * The graph that computes the given values: the nodes they need, in order, and the initializers those read. A graph with
 * bodies (If, Loop) is kept whole, because what bodies read from outside is not listed as inputs.
 * Outputs are declared by name alone; ONNX Runtime infers their types.
 */
export function partFor(graph: Graph, values: readonly string[]): Graph {
  const outputs = values.map((name) => create(ValueInfoProtoSchema, { name }));
  const hasBodies = graph.nodes.some((node) =>
    node.attribute.some((attribute) => attribute.g !== undefined || attribute.graphs.length > 0),
  );
  if (hasBodies) return { ...graph, outputs };
  const needed = new Set(values);
  const nodes: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.output.some((output) => needed.has(output))) continue;
    nodes.push(node);
    for (const input of node.input) needed.add(input);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  const inputs = graph.inputs.filter(
    ({ name }) => initializers.has(name) || !graph.initializers.has(name),
  );
  return { ...graph, nodes: nodes.reverse(), initializers, inputs, outputs };
}

/** The part for the given values: BatchNormalization takes its running statistics, nothing is dropped. */
export function inferencePart(graph: Graph, values: readonly string[]): Graph {
  const part = partFor(graph, values);
  return { ...part, nodes: part.nodes.map(inInferenceMode), source: { format: "memory" } };
}

function inInferenceMode(node: Node): Node {
  if (node.opType === "Dropout" && (node.input[2] ?? "") !== "") {
    return changeNode(node, { input: node.input.slice(0, 2) });
  }
  const mode = node.opType === "BatchNormalization" && findAttribute(node, "training_mode");
  if (!mode || Number(mode.i) === 0) return node;
  const others = node.attribute.filter((attribute) => attribute !== mode);
  return changeNode(node, {
    attribute: [...others, makeAttribute("training_mode", { int: 0 })],
    output: node.output.slice(0, 1),
  });
}
