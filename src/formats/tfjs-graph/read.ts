import { GraphBuilder } from "../../graph/builder.ts";
import type { Graph, ValueInfo } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { JsonObject } from "../layers/json.ts";
import type { TfjsContainer } from "../tfjs/read.ts";
import { groupTensors } from "../tfjs/shards.ts";
import {
  type GraphDef,
  type NodeDef,
  orderedNodes,
  parseGraphDef,
  referenceText,
  type TensorReference,
} from "./graph-def.ts";
import { graphInput, graphOutputs } from "./graph-values.ts";
import { opaqueResults } from "./opaque.ts";
import {
  constantValueOf,
  Operation,
  type ReadContext,
  TENSORFLOW_DOMAIN,
  UnknownAxes,
} from "./operation.ts";
import { PASSING } from "./passing.ts";
import { reachable } from "./reachable.ts";
import { readSignature, type Signature } from "./signature.ts";
import type { TfjsGraphSource } from "./source.ts";
import { isControlFlow, operationRule } from "./table.ts";
import type { ConstantPlace, TensorValue } from "./tensor-value.ts";

/** The newest of which every operator has a rule in src/operators; the layers are written in it, too. */
const OPSET = 17;

/** Whether a document holds a graph of TensorFlow, not layers. */
export function isGraphModel({ document }: TfjsContainer): boolean {
  const { format, modelTopology } = document;
  return format === "graph-model" || (modelTopology as JsonObject | undefined)?.node !== undefined;
}

/**
 * The graph of a graph model: what its outputs need, with convolutions and what follows them channels
 * first. Inputs and outputs keep their names and the order of their axes.
 *
 * @throws InputError naming the node, and what of it cannot be followed.
 */
export function readGraphModel({ text, document, groups }: TfjsContainer): Graph {
  const definition = parseGraphDef(document.modelTopology);
  refuseControlFlow(definition);
  const signature = readSignature(document, definition);
  const tensors = storedTensors(groups.flatMap(groupTensors));
  const reader = new GraphReader(definition, signature, tensors);
  const inputs = signature.inputs.map((name) => reader.input(name, document));
  for (const node of orderedNodes(definition, signature.outputs)) reader.visit(node);
  const outputs = graphOutputs(reader.context, definition, signature.outputs, reader.values);
  const { nodes, initializers } = reachable(reader.context.builder, outputs);
  const built = reader.context.builder.build("model", inputs, outputs, OPSET);
  const opsets = new Map(built.opsets);
  if (nodes.some(({ domain }) => domain === TENSORFLOW_DOMAIN)) opsets.set(TENSORFLOW_DOMAIN, 1);
  const producer = [document.generatedBy, document.convertedBy].filter(
    (name) => typeof name === "string",
  );
  const read: Graph = {
    ...built,
    nodes,
    initializers,
    opsets,
    producer: producer.join(", ") || "TensorFlow.js",
  };
  const weightBytes = groups.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const source: TfjsGraphSource = {
    format: "tfjs-graph",
    text,
    document,
    groups,
    definition,
    signature,
    read,
    values: reader.values,
    places: reader.places,
    dilations: reader.context.dilations,
    totalBytes: text.length + weightBytes,
  };
  return { ...read, source };
}

function storedTensors(tensors: readonly Tensor[]): ReadonlyMap<string, Tensor> {
  const named = new Map<string, Tensor>();
  for (const tensor of tensors) {
    if (named.has(tensor.name)) throw new InputError(`the weight ${tensor.name} occurs twice`);
    named.set(tensor.name, tensor);
  }
  return named;
}

class GraphReader {
  readonly values = new Map<string, TensorValue>();
  readonly places: ConstantPlace[] = [];
  readonly context: ReadContext;

  constructor(
    readonly definition: GraphDef,
    signature: Signature,
    readonly tensors: ReadonlyMap<string, Tensor>,
  ) {
    const readers = readersOf(definition);
    const outputs = new Set(signature.outputs.map(({ node }) => node));
    this.context = {
      // The file's own names are for what its nodes make.
      builder: new GraphBuilder(definition.nodes.keys()),
      made: new Map(),
      turned: new Map(),
      merged: new Set(),
      dilations: new Map(),
      readers: (node) => readers.get(node) ?? [],
      isOutput: (node) => outputs.has(node),
      constant: (reference) => this.#constant(reference),
    };
  }

  input(name: string, document: JsonObject): ValueInfo {
    const node = this.definition.nodes.get(name) as NodeDef;
    const { info, value } = graphInput(node, document);
    this.values.set(name, value);
    return info;
  }

  visit(node: NodeDef): void {
    if (this.values.has(node.name)) return;
    if (node.op === "Const") {
      this.values.set(node.name, constantValueOf(this.#stored(node.name)));
      return;
    }
    const inputs = node.inputs.map((input) => this.#value(node, input));
    const attempt = new Operation(node, inputs, this.context);
    const results = ruleResults(attempt);
    const operation = results === undefined ? new Operation(node, inputs, this.context) : attempt;
    const named = operation.finish(results ?? opaqueResults(operation));
    this.places.push(...operation.places);
    for (const [output, value] of named.entries()) {
      this.values.set(referenceText({ node: node.name, output }), value);
    }
  }

  #value(reader: NodeDef, reference: TensorReference): TensorValue {
    const value = this.values.get(referenceText(reference));
    if (value === undefined) {
      throw new InputError(
        `node ${reader.name} reads output ${reference.output} of ${reference.node}, which has fewer`,
      );
    }
    return value;
  }

  #stored(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) {
      throw new InputError(`node ${name}: weightsManifest has no weight for this Const`);
    }
    return tensor;
  }

  /** Behind nodes that pass on what they read, which stand before it in the file or after. */
  #constant(reference: TensorReference): Tensor | undefined {
    let { node, output } = reference;
    for (let step = 0; step < this.definition.nodes.size; step++) {
      const definition = this.definition.nodes.get(node);
      if (definition?.op === "Const" && output === 0) return this.tensors.get(node);
      const next = definition && PASSING.has(definition.op) ? definition.inputs[output] : undefined;
      if (next === undefined) return undefined;
      ({ node, output } = next);
    }
    return undefined;
  }
}

/** Undefined for a node that is kept as it is. */
function ruleResults(operation: Operation): readonly TensorValue[] | undefined {
  try {
    return operationRule(operation.node.op)?.build(operation);
  } catch (error) {
    if (error instanceof UnknownAxes) return undefined;
    throw error;
  }
}

/** Parts that run a number of times that is not known, or graphs within the graph. */
function refuseControlFlow({ nodes }: GraphDef): void {
  for (const { name, op } of nodes.values()) {
    if (!isControlFlow(op)) continue;
    throw new InputError(
      `node ${name} (${op}): graphs with control flow (loops, branches, calls) cannot be read; save the model as .keras, .h5 or TensorFlow.js layers instead or, where recurrent layers make the loops, convert it with their option unroll=True`,
    );
  }
}

function readersOf({ nodes }: GraphDef): ReadonlyMap<string, readonly NodeDef[]> {
  const readers = new Map<string, NodeDef[]>();
  for (const node of nodes.values()) {
    for (const { node: read } of node.inputs) {
      const known = readers.get(read);
      if (known === undefined) readers.set(read, [node]);
      else known.push(node);
    }
  }
  return readers;
}
