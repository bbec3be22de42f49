import { create } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  AttributeProto_AttributeType as Kind,
} from "onnx-buf";
import type { Immutable, Node } from "./graph.ts";

export type Attribute = Immutable<AttributeProto>;

/** A value that an attribute of ours can hold; whole numbers are written as INT. */
export type AttributeValue =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  /** The body of an If, Loop or Scan. */
  | { readonly graph: GraphProto };

export function findAttribute(node: Node, name: string): Attribute | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

export function intAttribute(node: Node, name: string, fallback: number): number {
  const attribute = findAttribute(node, name);
  return attribute === undefined ? fallback : Number(attribute.i);
}

export function floatAttribute(node: Node, name: string, fallback: number): number {
  return findAttribute(node, name)?.f ?? fallback;
}

export function stringAttribute(node: Node, name: string, fallback: string): string {
  const attribute = findAttribute(node, name);
  return attribute === undefined ? fallback : new TextDecoder().decode(attribute.s);
}

export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  return findAttribute(node, name)?.ints.map(Number);
}

export function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  if ("int" in value) {
    return create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(value.int) });
  }
  if ("float" in value) {
    return create(AttributeProtoSchema, { name, type: Kind.FLOAT, f: value.float });
  }
  if ("string" in value) {
    const s = new TextEncoder().encode(value.string);
    return create(AttributeProtoSchema, { name, type: Kind.STRING, s });
  }
  if ("ints" in value) {
    return create(AttributeProtoSchema, { name, type: Kind.INTS, ints: value.ints.map(BigInt) });
  }
  if ("strings" in value) {
    const encoder = new TextEncoder();
    const strings = value.strings.map((text) => encoder.encode(text));
    return create(AttributeProtoSchema, { name, type: Kind.STRINGS, strings });
  }
  if ("graph" in value) {
    return create(AttributeProtoSchema, { name, type: Kind.GRAPH, g: value.graph });
  }
  return create(AttributeProtoSchema, { name, type: Kind.FLOATS, floats: [...value.floats] });
}
