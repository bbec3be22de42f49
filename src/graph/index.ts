import type { GraphProto } from "onnx-buf";
import type { Graph, Immutable, Node } from "./graph.ts";
import { keptWithGraph } from "./kept-with-graph.ts";

/** A subgraph that an attribute of a node holds: an If branch, a Loop or Scan body. */
export type Body = Immutable<GraphProto>;

/** The subgraphs of a node, in the order of its attributes. */
export function bodiesOf(node: Node): readonly Body[] {
  return node.attribute.flatMap((attribute) =>
    attribute.g === undefined ? attribute.graphs : [attribute.g, ...attribute.graphs],
  );
}

/** One place where a value is read: the node and the position among its inputs. */
export interface Use {
  readonly node: Node;
  readonly input: number;
}

/** Who makes and who reads each value of a graph; built once per graph. */
export interface GraphIndex {
  /** The node whose output a value is; undefined for inputs and initializers. */
  producer(value: string): Node | undefined;
  /** Every read of a value by a node of this graph, in node order. */
  uses(value: string): readonly Use[];
  /** True when a subgraph (If, Loop, Scan body) reads the value from outside. */
  readByBody(value: string): boolean;
  isOutput(value: string): boolean;
  isInput(value: string): boolean;
  /** Position of a node in graph.nodes. */
  position(node: Node): number;
}

/** The index of a graph. */
export const indexOf = keptWithGraph(buildIndex);

function buildIndex(graph: Graph): GraphIndex {
  const producers = new Map<string, Node>();
  const uses = new Map<string, Use[]>();
  const positions = new Map<Node, number>();
  const bodyReads = new Set<string>();
  for (const [position, node] of graph.nodes.entries()) {
    positions.set(node, position);
    for (const output of node.output) if (output !== "") producers.set(output, node);
    for (const [input, value] of node.input.entries()) {
      if (value === "") continue;
      const known = uses.get(value);
      if (known === undefined) uses.set(value, [{ node, input }]);
      else known.push({ node, input });
    }
    for (const body of bodiesOf(node)) collectReads(body, bodyReads);
  }
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const inputs = new Set(graph.inputs.map((input) => input.name));
  return {
    producer: (value) => producers.get(value),
    uses: (value) => uses.get(value) ?? [],
    readByBody: (value) => bodyReads.has(value),
    isOutput: (value) => outputs.has(value),
    isInput: (value) => inputs.has(value),
    position: (node) => positions.get(node) ?? -1,
  };
}

/**
 * Names read anywhere in a body, or returned by it. Names of its own count too, which only makes
 * edits more careful.
 */
function collectReads(body: Body, reads: Set<string>): void {
  for (const output of body.output) reads.add(output.name);
  for (const node of body.node) {
    for (const value of node.input) reads.add(value);
    for (const inner of bodiesOf(node)) collectReads(inner, reads);
  }
}
