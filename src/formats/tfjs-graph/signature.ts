import { InputError } from "../../graph/input-error.ts";
import { isObject, type Json, type JsonObject, shown } from "../layers/json.ts";
import { type GraphDef, parseReference, type TensorReference } from "./graph-def.ts";

/** What a graph is fed and what it answers, in the file's order. */
export interface Signature {
  /** Names of nodes. */
  readonly inputs: readonly string[];
  readonly outputs: readonly TensorReference[];
}

/** Where the document has its signature: at the top, or in what older converters wrote. */
export function rawSignature(document: JsonObject): JsonObject | undefined {
  const { signature, userDefinedMetadata } = document;
  const older = isObject(userDefinedMetadata) ? userDefinedMetadata.signature : undefined;
  return [older, signature].find(isObject);
}

/**
 * The inputs and outputs that the signature names; without one, the placeholders and whatever nobody
 * reads, as TensorFlow.js takes them.
 */
export function readSignature(document: JsonObject, graph: GraphDef): Signature {
  const signature = rawSignature(document);
  const named = references(signature?.inputs, "signature.inputs", graph).map(({ node }) => node);
  const placeholders = [...graph.nodes.values()]
    .filter(({ op }) => op === "Placeholder")
    .map(({ name }) => name);
  const inputs = [...new Set([...named, ...placeholders])];
  const stated = references(signature?.outputs, "signature.outputs", graph);
  const outputs = stated.length > 0 ? stated : unread(graph);
  if (outputs.length === 0) {
    throw new InputError("the graph has no output: no node computes anything that is not read");
  }
  return { inputs, outputs };
}

function references(value: Json | undefined, where: string, graph: GraphDef): TensorReference[] {
  if (value === undefined || value === null) return [];
  if (!isObject(value)) throw new InputError(`${where} is ${shown(value)}; an object is needed`);
  return Object.entries(value).map(([key, entry]) => {
    const name = isObject(entry) ? entry.name : undefined;
    if (typeof name !== "string") {
      throw new InputError(`${where}.${key} is ${shown(entry)}; the name of a tensor is needed`);
    }
    const reference = parseReference(name, `${where}.${key}`);
    if (!graph.nodes.has(reference.node)) {
      throw new InputError(`${where}.${key} is ${reference.node}, which is no node of the graph`);
    }
    return reference;
  });
}

function unread({ nodes }: GraphDef): TensorReference[] {
  const read = new Set([...nodes.values()].flatMap(({ inputs }) => inputs.map(({ node }) => node)));
  return [...nodes.values()]
    .filter(({ name, op }) => !read.has(name) && op !== "NoOp" && op !== "Const")
    .map(({ name }) => ({ node: name, output: 0 }));
}
