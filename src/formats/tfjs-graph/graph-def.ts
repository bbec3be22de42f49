import { InputError } from "../../graph/input-error.ts";
import { isList, isObject, type Json, type JsonObject, shown } from "../layers/json.ts";
import { NodeAttributes } from "./attributes.ts";

/** One result of a node. */
export interface TensorReference {
  readonly node: string;
  readonly output: number;
}

/** A node of a TensorFlow graph. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  /** What it computes with; what it only has to wait for is left out. */
  readonly inputs: readonly TensorReference[];
  /** The position of each of the inputs in the file's own list. */
  readonly inputPositions: readonly number[];
  readonly attributes: NodeAttributes;
  readonly raw: JsonObject;
}

export interface GraphDef {
  /** In the file's order, by name. */
  readonly nodes: ReadonlyMap<string, NodeDef>;
  /** The object of the file that holds the list of nodes. */
  readonly raw: JsonObject;
}

/** Real graphs have thousands; each costs memory before anything is known about it. */
const MOST_NODES = 200_000;

/** Inputs of one node: a concatenation of thousands is none that somebody made. */
const MOST_INPUTS = 4096;

/** Outputs are numbered; a node with more would be one of a damaged file. */
const MOST_OUTPUTS = 4096;

/**
 * Reads the nodes of a GraphDef in its JSON form.
 *
 * @throws InputError naming the node and what is wrong with it.
 */
export function parseGraphDef(topology: Json | undefined): GraphDef {
  if (!isObject(topology) || !isList(topology.node)) {
    const value = isObject(topology) ? topology.node : topology;
    throw new InputError(
      `the graph model's modelTopology.node is ${shown(value)}; a list of nodes is needed`,
    );
  }
  if (topology.node.length > MOST_NODES) {
    throw new InputError(
      `modelTopology has ${topology.node.length} nodes; ${MOST_NODES} at most are read`,
    );
  }
  const nodes = new Map<string, NodeDef>();
  for (const [position, raw] of topology.node.entries()) {
    const node = parseNode(raw, `modelTopology.node[${position}]`);
    if (nodes.has(node.name)) throw new InputError(`two nodes have the name ${node.name}`);
    nodes.set(node.name, node);
  }
  for (const { name, inputs } of nodes.values()) {
    const missing = inputs.find((input) => !nodes.has(input.node));
    if (missing !== undefined) {
      throw new InputError(`node ${name} reads ${missing.node}, which is no node of the graph`);
    }
  }
  return { nodes, raw: topology };
}

function parseNode(raw: Json, where: string): NodeDef {
  if (!isObject(raw) || typeof raw.name !== "string" || !/^[^^:][^:]*$/.test(raw.name)) {
    throw new InputError(`${where} is ${shown(raw)}; a node with a name is needed`);
  }
  const { name, op, input = [], attr = {} } = raw;
  if (typeof op !== "string" || op === "") {
    throw new InputError(`node ${name}: its op is ${shown(op)}; the name of an operator is needed`);
  }
  if (!isList(input) || input.length > MOST_INPUTS) {
    throw new InputError(`node ${name}: its input is ${shown(input)}; a list of names is needed`);
  }
  if (!isObject(attr)) {
    throw new InputError(`node ${name}: its attr is ${shown(attr)}; an object is needed`);
  }
  const inputs: TensorReference[] = [];
  const inputPositions: number[] = [];
  for (const [position, text] of input.entries()) {
    if (typeof text !== "string") {
      throw new InputError(`node ${name}: its input is ${shown(text)}; a name is needed`);
    }
    // "^name" only has to be computed before.
    if (text.startsWith("^")) continue;
    inputs.push(parseReference(text, `node ${name}`));
    inputPositions.push(position);
  }
  const attributes = new NodeAttributes(attr, `node ${name}`);
  return { name, op, inputs, inputPositions, attributes, raw };
}

/** "name" or "name:output". */
export function parseReference(text: string, where: string): TensorReference {
  const match = /^([^^:][^:]*)(?::(\d{1,4}))?$/.exec(text);
  const output = Number(match?.[2] ?? 0);
  if (match === null || output >= MOST_OUTPUTS) {
    throw new InputError(`${where}: it reads ${shown(text)}; a name, or name:output, is needed`);
  }
  return { node: match[1] ?? "", output };
}

export function referenceText({ node, output }: TensorReference): string {
  return output === 0 ? node : `${node}:${output}`;
}

/**
 * The nodes that the outputs need, each behind those it reads.
 *
 * @throws InputError naming nodes that read each other in a circle.
 */
export function orderedNodes(graph: GraphDef, outputs: readonly TensorReference[]): NodeDef[] {
  const order: NodeDef[] = [];
  const state = new Map<string, "open" | "done">();
  const stack = outputs.map(({ node }) => node).reverse();
  for (let name = stack.at(-1); name !== undefined; name = stack.at(-1)) {
    const node = graph.nodes.get(name) as NodeDef;
    const waiting = node.inputs.filter((input) => state.get(input.node) !== "done");
    if (state.get(name) === "done" || waiting.length === 0) {
      if (state.get(name) !== "done") order.push(node);
      state.set(name, "done");
      stack.pop();
      continue;
    }
    state.set(name, "open");
    for (const { node: other } of waiting) {
      if (state.get(other) === "open") {
        throw new InputError(`nodes ${name} and ${other} read each other in a circle`);
      }
      stack.push(other);
    }
  }
  return order;
}
