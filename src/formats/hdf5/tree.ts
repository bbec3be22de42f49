/** What an HDF5 file holds, as an immutable value that shares what does not change. */
export type Hdf5Node = Hdf5Group | Hdf5Dataset;

export interface Hdf5Group {
  readonly kind: "group";
  readonly attributes: ReadonlyMap<string, Hdf5Attribute>;
  /** In the file's order. */
  readonly children: ReadonlyMap<string, Hdf5Node>;
}

export interface Hdf5Dataset {
  readonly kind: "dataset";
  readonly attributes: ReadonlyMap<string, Hdf5Attribute>;
  /** Sizes of the dimensions; [] is a single number. */
  readonly shape: readonly number[];
  /** Undefined for what is no plain number: text, compounds, opaque bytes. */
  readonly type: NumberType | undefined;
  /** The elements, row-major and little-endian; empty where type is undefined. */
  readonly bytes: Uint8Array;
  /** How it is cut and compressed. */
  readonly chunks: readonly number[] | undefined;
  /** Level of deflate; undefined for none. */
  readonly deflate: number | undefined;
}

export interface NumberType {
  readonly kind: "float" | "integer";
  /** Of one element, in bytes. */
  readonly size: number;
  readonly signed: boolean;
}

/** Texts, or numbers that nobody but the writer looks at. */
export interface Hdf5Attribute {
  /** [] for a single value. */
  readonly shape: readonly number[];
  /** As h5wasm names types: "S" and "A" for texts of any length in UTF-8 and ASCII, "S8", "<f8", … */
  readonly type: string;
  readonly values: readonly (string | number | bigint)[];
}

export const FLOAT32: NumberType = { kind: "float", size: 4, signed: false };

export function dataset(shape: readonly number[], bytes: Uint8Array): Hdf5Dataset {
  const plain = { chunks: undefined, deflate: undefined } as const;
  return { kind: "dataset", attributes: new Map(), shape, type: FLOAT32, bytes, ...plain };
}

/** A text, or a list of texts, of any length. */
export function textAttribute(value: string | readonly string[], like?: Hdf5Attribute) {
  const values = typeof value === "string" ? [value] : value;
  const shape = typeof value === "string" ? [] : [values.length];
  // A type of fixed length may be too short for the new texts.
  const type = like?.type === "A" ? "A" : "S";
  return { shape, type, values } satisfies Hdf5Attribute;
}

/** The node at a path; undefined where there is none. */
export function nodeAt(start: Hdf5Node, path: readonly string[]): Hdf5Node | undefined {
  let node: Hdf5Node | undefined = start;
  for (const name of path) node = node?.kind === "group" ? node.children.get(name) : undefined;
  return node;
}

export function groupAt(start: Hdf5Node, path: readonly string[]): Hdf5Group | undefined {
  const node = nodeAt(start, path);
  return node?.kind === "group" ? node : undefined;
}

const EMPTY_GROUP: Hdf5Group = { kind: "group", attributes: new Map(), children: new Map() };

/**
 * The tree with another node at a path, or none; groups on the way there are made.
 *
 * @param path at least one name.
 */
export function withNode(
  start: Hdf5Group | undefined,
  path: readonly string[],
  node: Hdf5Node | undefined,
): Hdf5Group {
  const { attributes, children: before } = start ?? EMPTY_GROUP;
  const [name = "", ...rest] = path;
  const children = new Map(before);
  const child = before.get(name);
  const changed =
    rest.length === 0 ? node : withNode(child?.kind === "group" ? child : undefined, rest, node);
  if (changed === undefined) children.delete(name);
  else children.set(name, changed);
  return { kind: "group", attributes, children };
}

export function withAttribute(group: Hdf5Group, name: string, value: Hdf5Attribute): Hdf5Group {
  return { ...group, attributes: new Map(group.attributes).set(name, value) };
}
