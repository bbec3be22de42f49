import type { FunctionProto, NodeProto, ValueInfoProto } from "onnx-buf";
import type { Tensor } from "./tensor.ts";

/**
 * One operator application. It is the onnx-buf message itself, so fields that NormLens does not
 * know travel along; it is never mutated (see edit.ts for changed copies).
 *
 * An input name of "" is an omitted optional input, as in ONNX.
 */
export type Node = Immutable<NodeProto>;

/** A named value with its type and shape, as the onnx-buf message. */
export type ValueInfo = Immutable<ValueInfoProto>;

/** An operator defined in the model by other operators, as the onnx-buf message. */
export type LocalFunction = Immutable<FunctionProto>;

/** The standard operator set's domain; "" and "ai.onnx" mean the same and are read as "". */
export const STANDARD_DOMAIN = "";

/** True for both spellings of the standard domain. */
export function isStandardDomain(domain: string): boolean {
  return domain === STANDARD_DOMAIN || domain === "ai.onnx";
}

/**
 * A model as an immutable value. An edit makes a new Graph that shares everything unchanged, and
 * writers recognize what is unchanged by object identity.
 *
 * Nodes are in the file's order, which ONNX requires to be topological.
 */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  /** Constant tensors by name; for IR version ≥ 4 a name that is also an input is a default. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Types and shapes the file states for values that are neither input nor output. */
  readonly valueInfo: readonly ValueInfo[];
  /** Operators that the model itself defines; to be read, not changed. */
  readonly functions: readonly LocalFunction[];
  /** Operator set version by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly irVersion: number;
  readonly producer: string;
  /** Notes of the whole model by key, ONNX' metadata_props; other formats have no place for them. */
  readonly metadata?: ReadonlyMap<string, string>;
  /** What the reader needs to write the same file again; opaque to everybody else. */
  readonly source: GraphSource;
}

/** Marker of the format a graph came from. Each format extends it with what its writer needs. */
export interface GraphSource {
  readonly format: string;
  /** The file consists of layers: it has no place for a node of its own, such as an Add of a constant. */
  readonly layersOnly?: boolean;
}

/** The inputs a caller has to feed: graph inputs that have no initializer as default. */
export function requiredInputs(graph: Graph): readonly ValueInfo[] {
  return graph.inputs.filter((input) => !graph.initializers.has(input.name));
}

/** Version of the standard operator set; 1 where the file does not say. */
export function standardOpset(graph: Graph): number {
  return graph.opsets.get(STANDARD_DOMAIN) ?? 1;
}

/** Deeply readonly view of a message; functions and byte arrays are left as they are. */
export type Immutable<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends Uint8Array
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Immutable<Item>[]
      : T extends object
        ? { readonly [Key in keyof T]: Immutable<T[Key]> }
        : T;
