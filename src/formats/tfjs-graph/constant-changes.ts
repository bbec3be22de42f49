import { constantValue } from "../../graph/constants.ts";
import { DataType, dataTypeName } from "../../graph/data-type.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { fileBytes, sameSizes } from "../layers/weight-layout.ts";
import { noPlace } from "../no-place.ts";
import type { ConstantLayout } from "./constant-layout.ts";
import type { PartsByNode } from "./graph-parts.ts";
import type { TfjsGraphSource } from "./source.ts";
import type { ConstantPlace } from "./tensor-value.ts";
import type { NewNumbers } from "./weight-changes.ts";

/** What an edit did to the constants that nodes of the file read. */
export interface ConstantChanges {
  /** Other numbers for a Const, by who reads them. */
  readonly changed: readonly ChangedConstant[];
  /** A bias for a node that had none, by the node. */
  readonly biases: ReadonlyMap<string, NewNumbers>;
  /** Nodes that added a bias which is gone. */
  readonly dropped: ReadonlySet<string>;
}

export interface ChangedConstant {
  /** The name of the Const. */
  readonly stored: string;
  readonly reader: { readonly node: string; readonly input: number };
  readonly numbers: NewNumbers;
}

/** @throws InputError for a constant that is computed now, or gone where its node needs it. */
export function constantChanges(
  source: TfjsGraphSource,
  edited: Graph,
  parts: PartsByNode,
): ConstantChanges {
  const changed: ChangedConstant[] = [];
  const biases = new Map<string, NewNumbers>();
  const dropped = new Set<string>();
  for (const place of source.places) {
    const node = parts.get(place.node)?.get(place.part);
    if (node === undefined) continue;
    const { stored, reader, layout, value } = place.use;
    const tensor = tensorAt(edited, node, place);
    if (stored === undefined || reader === undefined) {
      if (tensor !== undefined) biases.set(place.node, numbersOf(tensor, [], layout));
    } else if (tensor !== undefined) {
      const before = source.read.initializers.get(value);
      if (before !== undefined && sameTensor(before, tensor)) continue;
      const numbers = numbersOf(tensor, stored.dims, layout);
      changed.push({ stored: stored.name, reader, numbers });
    } else if (reader.node !== place.node) dropped.add(reader.node);
    else throw noPlace(`node ${place.node}: it cannot do without ${stored.name}`);
  }
  return { changed, biases, dropped };
}

/** What a node reads at a constant's place; undefined for nothing. */
function tensorAt(edited: Graph, node: Node, { node: name, input }: ConstantPlace) {
  const value = node.input[input] ?? "";
  if (value === "") return undefined;
  const tensor = constantValue(edited, value);
  if (tensor === undefined) {
    throw noPlace(
      `node ${name}: its input ${value} is computed while the model runs, where it was a constant`,
    );
  }
  return tensor;
}

/** A tensor of the graph as the file has it. */
export function numbersOf(
  tensor: Tensor,
  before: readonly number[],
  layout: ConstantLayout,
): NewNumbers {
  if (tensor.dataType !== DataType.FLOAT) {
    throw noPlace(
      `the constant ${tensor.name} is ${dataTypeName(tensor.dataType)} now, where float32 is needed`,
    );
  }
  const dims = layout.resizedDims(tensor.dims, before);
  return { dims, bytes: fileBytes(tensor, dims, layout) };
}

export function sameNumbers(a: NewNumbers, b: NewNumbers): boolean {
  return sameSizes(a.dims, b.dims) && Buffer.compare(a.bytes, b.bytes) === 0;
}

function sameTensor(a: Tensor, b: Tensor): boolean {
  if (a === b) return true;
  return (
    a.dataType === b.dataType &&
    sameSizes(a.dims, b.dims) &&
    Buffer.compare(a.data.read(), b.data.read()) === 0
  );
}
