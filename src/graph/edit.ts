import type { Graph, Node } from "./graph.ts";
import { indexOf } from "./index.ts";
import type { Tensor } from "./tensor.ts";

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
 * Applies node and initializer changes, then drops exactly the initializers that the change
 * orphaned: those read before, unread now, and not graph outputs. What was unused before stays,
 * because it is the user's.
 */
export function changeGraph(graph: Graph, changes: GraphChanges): Graph {
  const replace = changes.replace ?? new Map<Node, readonly Node[]>();
  const nodes = graph.nodes.flatMap((node) => replace.get(node) ?? [node]);
  const initializers = new Map(graph.initializers);
  for (const tensor of changes.initializers ?? []) initializers.set(tensor.name, tensor);
  const changed: Graph = { ...graph, nodes, initializers };
  const index = indexOf(changed);
  const candidates = [...replace.keys()].flatMap((node) => node.input);
  for (const name of candidates) {
    const read = index.uses(name).length > 0 || index.readByBody(name) || index.isOutput(name);
    if (!read) initializers.delete(name);
  }
  const inputs = graph.inputs.filter(
    (input) => !graph.initializers.has(input.name) || initializers.has(input.name),
  );
  const gone = lostValues(graph, nodes);
  const valueInfo = graph.valueInfo.filter((info) => !gone.has(info.name));
  return {
    ...changed,
    inputs: inputs.length === graph.inputs.length ? graph.inputs : inputs,
    valueInfo: valueInfo.length === graph.valueInfo.length ? graph.valueInfo : valueInfo,
  };
}

/** Values that a node made before and no node makes now; their value_info would dangle. */
function lostValues(graph: Graph, nodes: readonly Node[]): ReadonlySet<string> {
  const gone = new Set(graph.nodes.flatMap((node) => node.output));
  for (const node of nodes) for (const output of node.output) gone.delete(output);
  return gone;
}

/** Every name in use: nodes' values, initializers, inputs, and node names. */
export function takenNames(graph: Graph): Set<string> {
  const names = new Set<string>(graph.initializers.keys());
  for (const input of graph.inputs) names.add(input.name);
  for (const node of graph.nodes) {
    names.add(node.name);
    for (const value of [...node.input, ...node.output]) names.add(value);
  }
  return names;
}
