import { create, toBinary } from "@bufbuild/protobuf";
import {
  type FunctionProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import type { Graph, Node, ValueInfo } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { type Chunk, concat, fieldHeader, known, stored } from "./chunk.ts";
import type { ExternalLocation } from "./external-data.ts";
import { GraphField, ModelField } from "./fields.ts";
import { type ElementKind, type OnnxSource, onnxSource, type Slot } from "./source.ts";
import { externalTensor, tensorChunks } from "./tensor-chunks.ts";

export interface EncodeOptions {
  /** Puts external data into the model, so that the bytes stand alone. */
  readonly inlineExternalData: boolean;
  /** Where the data of these tensors will lie outside the model, whatever was so before. */
  readonly placed?: ReadonlyMap<Tensor, ExternalLocation>;
}

/**
 * The encoded model, in pieces. What came from the same file and was not changed is that file's own
 * bytes, in the file's order; only changed elements are encoded anew.
 */
export function modelChunks(graph: Graph, options: EncodeOptions): Chunk[] {
  const source = onnxSource(graph);
  const body = graphChunks(graph, options);
  const header = fieldHeader(ModelField.graph, totalBytes(body));
  if (source === undefined) return [known(modelHeader(graph)), known(header), ...body];
  const { gone, added } = changedMetadata(graph, source);
  const kept = (fields: readonly Uint8Array[]) =>
    fields.filter((field) => !gone.has(field)).map(known);
  return [...kept(source.before), known(header), ...body, ...kept(source.after), ...added];
}

/** The fields of metadata_props that the graph no longer has, or has with other values, and new ones. */
function changedMetadata(
  { metadata = new Map() }: Graph,
  source: OnnxSource,
): { readonly gone: ReadonlySet<Uint8Array>; readonly added: readonly Chunk[] } {
  const old = [...source.metadata].filter(([key, { value }]) => metadata.get(key) !== value);
  const fresh = [...metadata].filter(([key, value]) => source.metadata.get(key)?.value !== value);
  const encoded = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { metadataProps: entries(fresh) }),
  );
  return {
    gone: new Set(old.map(([, { bytes }]) => bytes)),
    added: fresh.length === 0 ? [] : [known(encoded)],
  };
}

function entries(metadata: Iterable<readonly [string, string]>) {
  return [...metadata].map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
}

export function totalBytes(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

function modelHeader(graph: Graph): Uint8Array {
  const opsetImport = [...graph.opsets].map(([domain, version]) =>
    create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
  );
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(graph.irVersion),
      producerName: graph.producer,
      opsetImport,
      functions: graph.functions.map((definition) => definition as FunctionProto),
      metadataProps: entries(graph.metadata ?? []),
    }),
  );
}

type Lists = Readonly<Record<ElementKind, readonly object[]>>;

/**
 * Walks the file's slots and puts the graph's present elements where their like stood: an element
 * that is still there keeps its place, new ones follow their predecessor, lost ones leave no trace.
 */
function graphChunks(graph: Graph, options: EncodeOptions): Chunk[] {
  const source = onnxSource(graph);
  const lists: Lists = {
    node: graph.nodes,
    initializer: [...graph.initializers.values()],
    input: graph.inputs,
    output: graph.outputs,
    valueInfo: graph.valueInfo,
  };
  const chunks: Chunk[] = [];
  const next: Record<ElementKind, number> = {
    node: 0,
    initializer: 0,
    input: 0,
    output: 0,
    valueInfo: 0,
  };
  const positions = new Map<object, number>();
  for (const list of Object.values(lists)) {
    for (let position = 0; position < list.length; position++) {
      positions.set(list[position] as object, position);
    }
  }
  const placed: ReadonlyMap<object, ExternalLocation> = options.placed ?? new Map();
  const storedPart = (value: object) => {
    const elsewhere = placed.has(value) || (options.inlineExternalData && isExternal(value));
    return elsewhere ? undefined : source?.encoded.get(value);
  };
  const emit = (kind: ElementKind, end: number) => {
    for (; next[kind] < end; next[kind]++) {
      const value = lists[kind][next[kind]] as object;
      const bytes = storedPart(value);
      if (bytes !== undefined) chunks.push(stored(bytes));
      else chunks.push(...elementChunks(kind, value, placed.get(value)));
    }
  };
  const slots: readonly Slot[] = source?.slots ?? nameSlot(graph);
  const last = new Map(slots.map((slot, position) => [slot.kind, position]));
  for (const [position, slot] of slots.entries()) {
    if (slot.kind === "bytes") {
      chunks.push(known(slot.bytes));
      continue;
    }
    emit(slot.kind, (positions.get(slot.value) ?? -1) + 1);
    if (last.get(slot.kind) === position) emit(slot.kind, lists[slot.kind].length);
  }
  for (const kind of Object.keys(lists) as ElementKind[]) emit(kind, lists[kind].length);
  return chunks;
}

function isExternal(value: object): boolean {
  return "data" in value && (value as Tensor).data.encoding === "external";
}

function nameSlot(graph: Graph): readonly Slot[] {
  const name = new TextEncoder().encode(graph.name);
  return [{ kind: "bytes", bytes: concat(fieldHeader(GraphField.name, name.length), name) }];
}

/** Elements never change, and one is asked for whenever a size is counted and when it is written. */
const encodedElements = new WeakMap<object, readonly Chunk[]>();

function elementChunks(
  kind: ElementKind,
  value: object,
  place: ExternalLocation | undefined,
): readonly Chunk[] {
  if (place !== undefined) return [externalTensor(value as Tensor, place)];
  let chunks = encodedElements.get(value);
  if (chunks === undefined) {
    chunks = newChunks(kind, value);
    encodedElements.set(value, chunks);
  }
  return chunks;
}

function newChunks(kind: ElementKind, value: object): readonly Chunk[] {
  if (kind === "initializer") return tensorChunks(value as Tensor);
  const bytes =
    kind === "node"
      ? toBinary(
          NodeProtoSchema,
          value as Node as Parameters<typeof toBinary<typeof NodeProtoSchema>>[1],
        )
      : toBinary(
          ValueInfoProtoSchema,
          value as ValueInfo as Parameters<typeof toBinary<typeof ValueInfoProtoSchema>>[1],
        );
  return [known(fieldHeader(GraphField[kind], bytes.length)), known(bytes)];
}
