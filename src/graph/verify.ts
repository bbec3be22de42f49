import { elementBits } from "./data-type.ts";
import { type Graph, isStandardDomain, type Node, STANDARD_DOMAIN } from "./graph.ts";
import { type Body, bodiesOf } from "./index.ts";
import { elementCount, type Tensor } from "./tensor.ts";

/**
 * What is wrong with a graph, one sentence a problem; none for a valid one. An executable form of
 * the rules of ONNX's IR.md ("Graphs", "Names Within a Graph") that edits could break:
 *
 * - a value has one definition: an input, an initializer or one output of one node; an initializer
 *   may repeat an input, of which it is the default, and before IR version 4 it has to
 * - nodes stand in topological order, and every value they read is defined before them; a subgraph
 *   reads the values around it and does not redefine them
 * - graph outputs are defined
 * - an initializer has as many bytes as its type and shape say
 * - every domain in use has an operator set version
 *
 * Node names may repeat or be empty; they identify nothing.
 */
export function verify(graph: Graph): readonly string[] {
  const problems: string[] = [];
  const scope = new Scope(undefined, problems);
  scope.declareInputs(
    graph.inputs.map((info) => info.name),
    [...graph.initializers.keys()],
  );
  for (const [name, tensor] of graph.initializers) problems.push(...tensorProblems(name, tensor));
  problems.push(...signatureProblems(graph));
  checkNodes(graph, graph.nodes, scope);
  checkOutputs(
    graph.outputs.map((info) => info.name),
    scope,
  );
  return problems;
}

/** The values that can be read at one place: those of this graph so far, and those around it. */
class Scope {
  readonly #defined = new Set<string>();

  constructor(
    readonly outer: Scope | undefined,
    readonly problems: string[],
  ) {}

  has(name: string): boolean {
    return this.#defined.has(name) || (this.outer?.has(name) ?? false);
  }

  define(name: string, what: string): void {
    if (this.has(name)) this.problems.push(`${what} defines ${name}, which is defined already.`);
    this.#defined.add(name);
  }

  declareInputs(inputs: readonly string[], initializers: readonly string[]): void {
    for (const name of inputs) this.define(name, "A graph input");
    const defaults = new Set(inputs);
    for (const name of initializers) {
      if (!defaults.has(name)) this.define(name, "An initializer");
    }
  }
}

function checkNodes(graph: Graph, nodes: readonly Node[], scope: Scope): void {
  const madeLater = new Map(nodes.flatMap((node) => node.output.map((value) => [value, node])));
  for (const [position, node] of nodes.entries()) {
    const label = `Node ${position} (${node.opType} ${node.name || node.output[0]})`;
    if (node.opType === "") scope.problems.push(`${label} has no operator.`);
    const domain = isStandardDomain(node.domain) ? STANDARD_DOMAIN : node.domain;
    if (!graph.opsets.has(domain)) {
      scope.problems.push(`${label} is of domain "${domain}", which no operator set imports.`);
    }
    for (const value of node.input) {
      if (value === "" || scope.has(value)) continue;
      const why = madeLater.has(value) ? "is computed only later" : "nothing defines";
      scope.problems.push(`${label} reads ${value}, which ${why}.`);
    }
    for (const body of bodiesOf(node)) checkBody(graph, body, scope);
    for (const value of node.output) if (value !== "") scope.define(value, label);
  }
}

function checkBody(graph: Graph, body: Body, outer: Scope): void {
  const scope = new Scope(outer, outer.problems);
  const names = (list: readonly { readonly name: string }[]) => list.map((each) => each.name);
  scope.declareInputs(names(body.input), names(body.initializer));
  checkNodes(graph, body.node, scope);
  checkOutputs(names(body.output), scope);
}

function checkOutputs(outputs: readonly string[], scope: Scope): void {
  const seen = new Set<string>();
  for (const name of outputs) {
    if (!scope.has(name)) scope.problems.push(`Output ${name} is not defined.`);
    if (seen.has(name)) scope.problems.push(`Output ${name} is listed twice.`);
    seen.add(name);
  }
}

function signatureProblems(graph: Graph): string[] {
  if (graph.irVersion >= 4) return [];
  const inputs = new Set(graph.inputs.map((info) => info.name));
  return [...graph.initializers.keys()]
    .filter((name) => !inputs.has(name))
    .map((name) => `Initializer ${name} is no graph input, which IR version 4 allowed first.`);
}

function tensorProblems(name: string, tensor: Tensor): string[] {
  const problems: string[] = [];
  if (tensor.name !== name)
    problems.push(`Initializer ${name} holds a tensor named ${tensor.name}.`);
  if (tensor.dims.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    problems.push(`Initializer ${name} has the impossible shape [${tensor.dims}].`);
    return problems;
  }
  const bits = elementBits(tensor.dataType);
  if (bits === undefined) return problems;
  const needed = Math.ceil((elementCount(tensor.dims) * bits) / 8);
  const has = tensor.data.byteLength;
  if (has !== needed) {
    problems.push(`Initializer ${name} has ${has} bytes, its type and shape need ${needed}.`);
  }
  return problems;
}
