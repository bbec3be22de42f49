import { resolve } from "node:path";
import {
  FunctionProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import type { Graph, LocalFunction, Node, ValueInfo } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { type Contents, memoryContents } from "./contents.ts";
import { decode } from "./decode.ts";
import { checkDefinitions } from "./definitions.ts";
import { ExternalFolder } from "./external-data.ts";
import { GraphField, ModelField } from "./fields.ts";
import { refuseLookAlike } from "./look-alikes.ts";
import { inFile, openModelFile, readModelFile } from "./model-file.ts";
import { refuseDeepNesting } from "./nesting.ts";
import { readTensor } from "./read-tensor.ts";
import type { OnnxSource, Slot } from "./source.ts";
import { Encoded, type Field, scanFields, varintValue } from "./wire.ts";

/** Each element costs a few hundred bytes in memory; this keeps a hostile file from exhausting it. */
const MOST_ELEMENTS = 2_000_000;

/**
 * Reads an ONNX file into a graph. Tensor data stays in the file's bytes (or in external files)
 * until it is asked for.
 *
 * @param home the file the model belongs to, where its external data lies, when path is a copy.
 * @throws InputError naming the file, the field and the value for whatever is not a valid model.
 */
export async function readModel(path: string, home: string = path): Promise<Graph> {
  return parsed(memoryContents(await readModelFile(path)), path, home);
}

/**
 * The same for a task that ends soon and reads each tensor once or never: the file is read in parts
 * when they are asked for, and has to stay as it is until then.
 */
export async function readModelAsNeeded(path: string): Promise<Graph> {
  const contents = await openModelFile(path);
  try {
    return parsed(contents, path, path);
  } finally {
    contents.close();
  }
}

function parsed(contents: Contents, path: string, home: string): Graph {
  try {
    return parseContents(contents, resolve(home));
  } catch (error) {
    throw inFile(error, path);
  }
}

/**
 * @param file absolute path the bytes came from, where external data is looked for; a model that
 *   is only bytes must hold all its data.
 */
export function parseModel(bytes: Uint8Array, file?: string): Graph {
  return parseContents(memoryContents(bytes), file);
}

function parseContents(contents: Contents, file: string | undefined): Graph {
  const model = new Encoded(contents, 0, contents.memory.length);
  refuseLookAlike(model);
  const { graphs, before, after, metadata, producer, ...fields } = readModelFields(model);
  if (graphs.length === 0)
    throw new InputError(
      "model has no graph; this is no ONNX model, and begins like none of another format",
    );
  const external = file === undefined ? undefined : new ExternalFolder(file);
  const parts = readGraph(graphs, external);
  const source: OnnxSource = {
    format: "onnx",
    file,
    fileBytes: model.byteLength,
    externalBytes: external?.totalBytes ?? 0,
    before,
    after,
    metadata,
    slots: parts.slots,
    encoded: parts.encoded,
  };
  const notes = [...metadata].map(([key, { value }]) => [key, value] as const);
  return {
    ...parts.graph,
    ...fields,
    producer: producer.join(" "),
    ...(notes.length === 0 ? {} : { metadata: new Map(notes) }),
    source,
  };
}

/** The model's own fields; those that hold no graph also as the bytes they are, before and after it. */
function readModelFields(model: Encoded) {
  const before: Uint8Array[] = [];
  const after: Uint8Array[] = [];
  const graphs: Encoded[] = [];
  const opsets = new Map<string, number>();
  const functions: LocalFunction[] = [];
  const metadata = new Map<string, { value: string; bytes: Uint8Array }>();
  const producer: string[] = [];
  let irVersion = 0;
  for (const field of scanFields(model, "model")) {
    if (field.number === ModelField.graph) {
      graphs.push(field.content);
      continue;
    }
    const { bytes } = field.whole;
    (graphs.length === 0 ? before : after).push(bytes);
    if (field.number === ModelField.metadataProps) {
      const { key, value } = decode(StringStringEntryProtoSchema, field.value, "metadata_props");
      metadata.set(key, { value, bytes });
    }
    if (field.number === ModelField.functions) {
      functions.push(decode(FunctionProtoSchema, field.value, `functions[${functions.length}]`));
    }
    if (field.number === ModelField.irVersion) irVersion = varintValue(field, "ir_version");
    if (field.number === ModelField.opsetImport) {
      const imported = decode(OperatorSetIdProtoSchema, field.value, "opset_import");
      const domain = imported.domain === "ai.onnx" ? "" : imported.domain;
      opsets.set(domain, Number(imported.version));
    }
    if (field.number === ModelField.producerName || field.number === ModelField.producerVersion) {
      producer.push(new TextDecoder().decode(field.value));
    }
  }
  return { before, after, graphs, opsets, functions, metadata, producer, irVersion };
}

type GraphParts = Omit<Graph, "functions" | "irVersion" | "opsets" | "producer" | "source">;

/** What the fields of a graph's message become, in their order. */
class GraphFields {
  readonly slots: Slot[] = [];
  readonly encoded = new Map<object, Encoded>();
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Tensor>();
  readonly #infos = {
    input: [] as ValueInfo[],
    output: [] as ValueInfo[],
    valueInfo: [] as ValueInfo[],
  };
  #name = "";

  constructor(private readonly external: ExternalFolder | undefined) {}

  read(field: Field): void {
    const kind = infoKind(field.number);
    if (field.number === GraphField.node) this.#readNode(field);
    else if (field.number === GraphField.initializer) this.#readInitializer(field);
    else if (kind !== undefined) this.#readInfo(kind, field);
    else {
      if (field.number === GraphField.name) this.#name = new TextDecoder().decode(field.value);
      this.slots.push({ kind: "bytes", bytes: field.whole.bytes });
    }
  }

  parts(): GraphParts {
    return {
      name: this.#name,
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.#infos.input,
      outputs: this.#infos.output,
      valueInfo: this.#infos.valueInfo,
    };
  }

  #readNode(field: Field): void {
    const where = `graph.node[${this.#nodes.length}]`;
    refuseDeepNesting(field.value, where);
    const value = decode(NodeProtoSchema, field.value, where);
    this.#nodes.push(value);
    this.#take({ kind: "node", value }, field);
  }

  #readInitializer(field: Field): void {
    const where = `graph.initializer[${this.#initializers.size}]`;
    const value = readTensor(field.content, where, this.external);
    if (this.#initializers.has(value.name)) {
      throw new InputError(`graph.initializer: the name ${value.name} occurs twice`);
    }
    this.#initializers.set(value.name, value);
    this.#take({ kind: "initializer", value }, field);
  }

  #readInfo(kind: "input" | "output" | "valueInfo", field: Field): void {
    const infos = this.#infos[kind];
    const value = decode(ValueInfoProtoSchema, field.value, `graph.${kind}[${infos.length}]`);
    infos.push(value);
    this.#take({ kind, value }, field);
  }

  #take(slot: Exclude<Slot, { kind: "bytes" }>, field: Field): void {
    this.slots.push(slot);
    this.encoded.set(slot.value, field.whole);
  }
}

/** A message field that occurs twice is merged, hence several encoded graphs. */
function readGraph(graphs: readonly Encoded[], external: ExternalFolder | undefined) {
  const fields = graphs.flatMap((graph) => scanFields(graph, "graph"));
  if (fields.length > MOST_ELEMENTS) {
    throw new InputError(`graph has more than ${MOST_ELEMENTS} elements`);
  }
  const read = new GraphFields(external);
  for (const field of fields) read.read(field);
  const graph = read.parts();
  checkDefinitions(graph);
  return { graph, slots: read.slots, encoded: read.encoded };
}

function infoKind(field: number): "input" | "output" | "valueInfo" | undefined {
  if (field === GraphField.input) return "input";
  if (field === GraphField.output) return "output";
  return field === GraphField.valueInfo ? "valueInfo" : undefined;
}
