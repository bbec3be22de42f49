import { type Graph, isStandardDomain, type Node } from "../../graph/graph.ts";
import { type Body, bodiesOf, indexOf } from "../../graph/index.ts";

/** A value that both graphs compute, and what each of them computes it with. */
export interface ChangedPlace {
  readonly value: string;
  readonly before: Region;
  readonly after: Region;
}

/** The changed nodes above a value, up to values that mean the same in both graphs. */
export interface Region {
  /** In the graph's order, with the nodes that only make constants for them. */
  readonly nodes: readonly Node[];
  /** Names of initializers that the nodes read. */
  readonly initializers: readonly string[];
  /** Values that come from elsewhere. */
  readonly inputs: readonly string[];
}

export interface ChangedPlaces {
  readonly places: readonly ChangedPlace[];
  /** Values that unchanged nodes read and that only one of the graphs computes. */
  readonly uncovered: readonly string[];
}

/**
 * Where two graphs differ, cut at every value that an unchanged node or the caller reads. Nodes are
 * the same when they are the same object and the constants they read are: an edit keeps what it
 * does not change, and gives a value with another meaning another name.
 *
 * If each place computes the same from the same inputs, so do the graphs: the nodes between the
 * places are the same ones.
 */
export function changedPlaces(before: Graph, after: Graph): ChangedPlaces {
  const [first, second] = [new Side(before, after), new Side(after, before)];
  const wanted = new Set([...first.exits(), ...second.exits()]);
  const both = [...wanted].filter((value) => first.makes(value) && second.makes(value));
  const cuts = new Set(both);
  const places = both.map((value) => ({
    value,
    before: first.region(value, cuts),
    after: second.region(value, cuts),
  }));
  return { places, uncovered: [...wanted].filter((value) => !cuts.has(value)) };
}

class Side {
  readonly #graph: Graph;
  readonly #other: Graph;
  readonly #otherNodes: ReadonlySet<Node>;
  /** Values that follow from constants alone. */
  readonly #constants = new Set<string>();
  /** Constants that the other graph has otherwise or not at all. */
  readonly #differing = new Set<string>();
  readonly #changed = new Set<Node>();

  constructor(graph: Graph, other: Graph) {
    this.#graph = graph;
    this.#other = other;
    this.#otherNodes = new Set(other.nodes);
    for (const [name, tensor] of graph.initializers) {
      this.#constants.add(name);
      if (other.initializers.get(name) !== tensor) this.#differing.add(name);
    }
    for (const node of graph.nodes) this.#classify(node);
  }

  #classify(node: Node): void {
    const reads = this.#reads(node);
    const differs = !this.#otherNodes.has(node) || reads.some((read) => this.#differing.has(read));
    const constant =
      isStandardDomain(node.domain) &&
      (node.opType === "Constant" || node.input.length > 0) &&
      reads.every((read) => this.#constants.has(read));
    if (!constant && differs) this.#changed.add(node);
    if (!constant) return;
    for (const output of node.output) {
      this.#constants.add(output);
      if (differs) this.#differing.add(output);
    }
  }

  /** Names that a node reads, with those that its bodies take from this graph. */
  #reads(node: Node): string[] {
    const index = indexOf(this.#graph);
    const known = (name: string) =>
      this.#graph.initializers.has(name) ||
      index.isInput(name) ||
      index.producer(name) !== undefined;
    const inner = bodiesOf(node).flatMap(namesRead).filter(known);
    return [...new Set([...node.input.filter((name) => name !== ""), ...inner])];
  }

  makes(value: string): boolean {
    return indexOf(this.#graph).producer(value) !== undefined;
  }

  /** What changed nodes make and unchanged nodes or the caller read. */
  exits(): string[] {
    const index = indexOf(this.#graph);
    const read = new Set(this.#graph.outputs.map((output) => output.name));
    for (const node of this.#graph.nodes) {
      if (!this.#changed.has(node)) for (const name of this.#reads(node)) read.add(name);
    }
    return [...read].filter((name) => {
      const producer = index.producer(name);
      if (producer !== undefined) return this.#changed.has(producer);
      // A value that the other graph computes and this one is given.
      return indexOf(this.#other).producer(name) !== undefined;
    });
  }

  region(value: string, cuts: ReadonlySet<string>): Region {
    const index = indexOf(this.#graph);
    const nodes = new Set<Node>();
    const initializers = new Set<string>();
    const inputs = new Set<string>();
    const open = [value];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const producer = index.producer(name);
      const inside =
        producer !== undefined && (this.#changed.has(producer) || this.#constants.has(name));
      if (this.#graph.initializers.has(name)) initializers.add(name);
      else if (producer === undefined || !inside || (cuts.has(name) && name !== value)) {
        inputs.add(name);
      } else if (!nodes.has(producer)) {
        nodes.add(producer);
        open.push(...this.#reads(producer));
      }
    }
    return {
      nodes: [...nodes].sort((a, b) => index.position(a) - index.position(b)),
      initializers: [...initializers],
      inputs: [...inputs],
    };
  }
}

function namesRead(body: Body): string[] {
  const inner = body.node.flatMap((node) => [...node.input, ...bodiesOf(node).flatMap(namesRead)]);
  return [...inner, ...body.output.map((output) => output.name)];
}
