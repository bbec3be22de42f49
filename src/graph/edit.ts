import { makeValueInfo } from "./builder.ts";
import { type Graph, isStandardDomain, type Node } from "./graph.ts";
import { type Body, bodiesOf, indexOf } from "./index.ts";
import type { Tensor } from "./tensor.ts";

/** The IR version from which an initializer need not be a graph input as well. */
const INITIALIZERS_WITHOUT_INPUTS = 4;

/** Nodes that only pass a constant on; they go when what they fed goes. */
const CARRIERS: ReadonlySet<string> = new Set([
  "Constant",
  "Identity",
  "Cast",
  "Reshape",
  "Squeeze",
  "Unsqueeze",
  "Transpose",
]);

/**
 * A copy of a node with some fields changed; everything else, unknown fields included, stays.
 *
 * Messages carry their defaults on the prototype, so an object spread would lose them.
 */
export function changeNode(node: Node, changes: Partial<Omit<Node, "$typeName">>): Node {
  return Object.assign(Object.create(Object.getPrototypeOf(node)), node, changes);
}

/** What one edit changes, in terms of the graph before it. */
export interface GraphChanges {
  /** Nodes to take out, or to put others in their place (keeping the order). */
  readonly replace?: ReadonlyMap<Node, readonly Node[]>;
  /** Initializers to add or overwrite, by name. */
  readonly initializers?: readonly Tensor[];
}

/**
 * Applies node and initializer changes, then drops exactly what the change orphaned: initializers
 * and constant-carrying nodes read before, unread now, and not graph outputs. What was unused
 * before stays, because it is the user's.
 *
 * Before IR version 4 every initializer is also a graph input, so a new one gets its input and a
 * dropped one loses it.
 */
export function changeGraph(graph: Graph, changes: GraphChanges): Graph {
  const replace = changes.replace ?? new Map<Node, readonly Node[]>();
  const initializers = new Map(graph.initializers);
  for (const tensor of changes.initializers ?? []) initializers.set(tensor.name, tensor);
  const edited: Graph = {
    ...graph,
    nodes: graph.nodes.flatMap((node) => replace.get(node) ?? [node]),
    initializers,
  };
  const orphans = findOrphans(edited, [...replace.keys()]);
  for (const name of orphans.initializers) initializers.delete(name);
  const nodes = edited.nodes.filter((node) => !orphans.nodes.has(node));
  const gone = lostValues(graph, nodes);
  const valueInfo = graph.valueInfo.filter((info) => !gone.has(info.name));
  return {
    ...edited,
    nodes,
    inputs: changedInputs(graph, initializers),
    valueInfo: valueInfo.length === graph.valueInfo.length ? graph.valueInfo : valueInfo,
  };
}

interface Orphans {
  readonly initializers: ReadonlySet<string>;
  readonly nodes: ReadonlySet<Node>;
}

/** Walks up from the values that the replaced nodes read, for as long as nobody else reads them. */
function findOrphans(edited: Graph, replaced: readonly Node[]): Orphans {
  const index = indexOf(edited);
  const initializers = new Set<string>();
  const nodes = new Set<Node>();
  const candidates = replaced.flatMap((node) => [
    ...node.input,
    ...bodiesOf(node).flatMap(bodyReads),
  ]);
  for (let name = candidates.pop(); name !== undefined; name = candidates.pop()) {
    const read = (value: string) =>
      index.isOutput(value) ||
      index.readByBody(value) ||
      index.uses(value).some((use) => !nodes.has(use.node));
    if (name === "" || read(name)) continue;
    if (edited.initializers.has(name)) {
      initializers.add(name);
      continue;
    }
    const producer = index.producer(name);
    if (producer === undefined || nodes.has(producer)) continue;
    const carrier = isStandardDomain(producer.domain) && CARRIERS.has(producer.opType);
    if (!carrier || producer.output.some(read)) continue;
    nodes.add(producer);
    candidates.push(...producer.input);
  }
  return { initializers, nodes };
}

/** Names that a body reads, from outside or its own. */
function bodyReads(body: Body): string[] {
  const inner = body.node.flatMap((node) => bodiesOf(node).flatMap(bodyReads));
  return [...body.node.flatMap((node) => node.input), ...inner];
}

function changedInputs(graph: Graph, initializers: ReadonlyMap<string, Tensor>): Graph["inputs"] {
  const kept = graph.inputs.filter(
    (input) => !graph.initializers.has(input.name) || initializers.has(input.name),
  );
  if (graph.irVersion >= INITIALIZERS_WITHOUT_INPUTS) {
    return kept.length === graph.inputs.length ? graph.inputs : kept;
  }
  const listed = new Set(kept.map((input) => input.name));
  const added = [...initializers.values()]
    .filter((tensor) => !listed.has(tensor.name) && !graph.initializers.has(tensor.name))
    .map((tensor) => makeValueInfo(tensor.name, tensor.dataType, tensor.dims));
  return [...kept, ...added];
}

/** Values that a node made before and no node makes now; their value_info would dangle. */
function lostValues(graph: Graph, nodes: readonly Node[]): ReadonlySet<string> {
  const gone = new Set(graph.nodes.flatMap((node) => node.output));
  for (const node of nodes) for (const output of node.output) gone.delete(output);
  return gone;
}

/** Every name in use: nodes' values, initializers, inputs, node names, and names inside bodies. */
export function takenNames(graph: Graph): Set<string> {
  const names = new Set<string>(graph.initializers.keys());
  for (const info of [...graph.inputs, ...graph.outputs, ...graph.valueInfo]) names.add(info.name);
  const take = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      names.add(node.name);
      for (const value of [...node.input, ...node.output]) names.add(value);
      // A body sees the names around it and may not reuse them, so its names are taken as well.
      for (const body of bodiesOf(node)) {
        for (const info of [...body.input, ...body.initializer]) names.add(info.name);
        take(body.node);
      }
    }
  };
  take(graph.nodes);
  return names;
}
