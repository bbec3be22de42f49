import { intsAttribute } from "../../graph/attributes.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import { InputError } from "../../graph/input-error.ts";
import { nodeOrigin } from "../../graph/node-origin.ts";

/** The graph's nodes by the node of the file that they came from, and its part. */
export type PartsByNode = ReadonlyMap<string, ReadonlyMap<string, Node>>;

/** @throws InputError for a node that is there twice, as one that an edit made two of. */
export function partsByNode(graph: Graph): PartsByNode {
  const nodes = new Map<string, Map<string, Node>>();
  for (const node of graph.nodes) {
    const origin = nodeOrigin(node);
    if (origin === undefined) continue;
    const parts = nodes.get(origin.layer) ?? new Map<string, Node>();
    if (parts.has(origin.part)) {
      throw new InputError(
        `node ${origin.layer}: it is there twice after the edits; write it as .onnx`,
      );
    }
    nodes.set(origin.layer, parts.set(origin.part, node));
  }
  return nodes;
}

/** A value behind nodes that only turn it around or pass it on, which the file has not. */
export function unturnedValue(
  graph: Graph,
  start: string,
): { readonly value: string; readonly turns: readonly (readonly number[])[] } {
  const turns: (readonly number[])[] = [];
  let value = start;
  for (;;) {
    const producer = indexOf(graph).producer(value);
    if (producer === undefined || nodeOrigin(producer) !== undefined) break;
    const perm = intsAttribute(producer, "perm");
    if (producer.opType === "Transpose" && perm !== undefined) turns.push(perm);
    else if (producer.opType !== "Identity") break;
    value = producer.input[0] ?? "";
  }
  return { value, turns };
}

/** Equal for values that the same part of the same node of the file makes, whatever their names. */
export function valueKey(graph: Graph, start: string): string {
  const { value } = unturnedValue(graph, start);
  const producer = indexOf(graph).producer(value);
  const origin = producer && nodeOrigin(producer);
  if (producer === undefined || origin === undefined) return JSON.stringify([value]);
  return partKey(origin.layer, origin.part, producer.output.indexOf(value));
}

export function partKey(node: string, part: string, output: number): string {
  return JSON.stringify([node, part, output]);
}
