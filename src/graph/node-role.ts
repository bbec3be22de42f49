import { create } from "@bufbuild/protobuf";
import { StringStringEntryProtoSchema } from "onnx-buf";
import { changeNode } from "./edit.ts";
import type { Node } from "./graph.ts";

/**
 * What a node stands for in training, beyond what its operator says: at inference it is the plain
 * operator that every runtime knows, while training it does more (a Sub with the running mean
 * subtracts the batch's mean instead). It is kept in the node's metadata, which ONNX provides for
 * such notes and runtimes pass over. "gaussian-noise" stands in training steps alone.
 */
export type NodeRole =
  | "mean-only-batch-norm"
  | "whitening"
  | "variational-dropout"
  | "gaussian-noise"
  | "shared-dropout"
  | "added-noise"
  | "gaussian-dropout"
  | "alpha-dropout"
  /** A Mul with one number that training changes, where it would take it for a constant. */
  | "learned-number";

const ROLE_KEY = "normlens.role";

/** The text of the note; anything may stand in a file. */
export function nodeRole(node: Node): string | undefined {
  return node.metadataProps.find(({ key }) => key === ROLE_KEY)?.value;
}

export function withRole(node: Node, role: NodeRole): Node {
  return withNote(node, ROLE_KEY, role);
}

/** A number that a role is configured by, from its own note; NaN where the note is no number. */
export function roleNumber(node: Node, name: string, fallback: number): number {
  const note = node.metadataProps.find(({ key }) => key === numberKey(name));
  return note === undefined ? fallback : Number(note.value);
}

export function withRoleNumber(node: Node, name: string, value: number): Node {
  return withNote(node, numberKey(name), String(value));
}

/** Whole numbers that a role is configured by; NaN for what is none. */
export function roleList(node: Node, name: string): readonly number[] {
  const note = node.metadataProps.find(({ key }) => key === numberKey(name));
  return note === undefined || note.value === "" ? [] : note.value.split(",").map(Number);
}

export function withRoleList(node: Node, name: string, values: readonly number[]): Node {
  return withNote(node, numberKey(name), values.join(","));
}

function numberKey(name: string): string {
  return `normlens.${name}`;
}

/** The node with a note in its metadata, in place of one of the same key. */
export function withNote(node: Node, key: string, value: string): Node {
  const others = node.metadataProps.filter((note) => note.key !== key);
  const note = create(StringStringEntryProtoSchema, { key, value });
  return changeNode(node, { metadataProps: [...others, note] });
}

/** The node as its plain operator. */
export function withoutRole(node: Node): Node {
  return changeNode(node, {
    metadataProps: node.metadataProps.filter(({ key }) => key !== ROLE_KEY),
  });
}
