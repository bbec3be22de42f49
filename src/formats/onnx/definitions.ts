import type { Graph, Node } from "../../graph/graph.ts";
import { type Body, bodiesOf } from "../../graph/index.ts";
import { InputError } from "../../graph/input-error.ts";

/**
 * Refuses graphs in which "the node that makes this value" has no answer, or following it never
 * ends: a value with two definitions, and nodes that wait for each other. Everything that walks a
 * graph relies on this, in subgraphs too.
 */
export function checkDefinitions(graph: Pick<Graph, "nodes" | "inputs" | "initializers">): void {
  checkNodes(graph.nodes, [...names(graph.inputs), ...graph.initializers.keys()], "graph");
  const waiting: { node: Node; where: string }[] = graph.nodes.map((node, position) => ({
    node,
    where: `graph.node[${position}]`,
  }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { where } = next;
    for (const body of bodiesOf(next.node)) {
      checkBody(body, where);
      waiting.push(...body.node.map((node) => ({ node, where })));
    }
  }
}

function checkBody(body: Body, where: string): void {
  checkNodes(body.node, [...names(body.input), ...names(body.initializer)], `${where} subgraph`);
}

function names(list: readonly { readonly name: string }[]): string[] {
  return list.map(({ name }) => name);
}

function checkNodes(nodes: readonly Node[], given: readonly string[], where: string): void {
  const makers = new Map<string, number>();
  const known = new Set(given);
  for (const [position, node] of nodes.entries()) {
    for (const value of node.output) {
      if (value === "") continue;
      const other = makers.get(value);
      if (other !== undefined || known.has(value)) {
        const by = other === undefined ? "an input or initializer" : label(nodes, other);
        throw new InputError(
          `${where}: ${label(nodes, position)} defines ${JSON.stringify(value)}, which ${by} defines already`,
        );
      }
      makers.set(value, position);
    }
  }
  const inOrder = nodes.every((node, position) =>
    node.input.every((value) => (makers.get(value) ?? -1) < position),
  );
  if (!inOrder) refuseCycle(nodes, makers, where);
}

/** Takes away what waits for nothing until nothing is left, or only what waits for itself. */
function refuseCycle(
  nodes: readonly Node[],
  makers: ReadonlyMap<string, number>,
  where: string,
): void {
  const readers = new Map<number, number[]>();
  const waitsFor = nodes.map((node, position) => {
    const before = node.input.flatMap((value) => makers.get(value) ?? []);
    for (const maker of before) {
      const list = readers.get(maker);
      if (list === undefined) readers.set(maker, [position]);
      else list.push(position);
    }
    return before.length;
  });
  const free = waitsFor.flatMap((count, position) => (count === 0 ? [position] : []));
  let left = nodes.length;
  for (let next = free.pop(); next !== undefined; next = free.pop()) {
    left -= 1;
    for (const reader of readers.get(next) ?? []) {
      const count = (waitsFor[reader] as number) - 1;
      waitsFor[reader] = count;
      if (count === 0) free.push(reader);
    }
  }
  if (left === 0) return;
  const stuck = inCycle(nodes, makers, waitsFor);
  throw new InputError(
    `${where}: ${label(nodes, stuck)} waits for its own result; ${left} nodes are in or behind the cycle`,
  );
}

/** Walks against the edges from a stuck node; among stuck nodes that always comes back. */
function inCycle(
  nodes: readonly Node[],
  makers: ReadonlyMap<string, number>,
  waitsFor: readonly number[],
): number {
  const seen = new Set<number>();
  let position = waitsFor.findIndex((count) => count > 0);
  while (!seen.has(position)) {
    seen.add(position);
    const before = nodes[position]?.input.flatMap((value) => makers.get(value) ?? []) ?? [];
    position = before.find((maker) => (waitsFor[maker] as number) > 0) ?? position;
  }
  return position;
}

function label(nodes: readonly Node[], position: number): string {
  const node = nodes[position];
  return `node ${position} (${node?.opType} ${node?.name || node?.output[0]})`;
}
