import type { GraphBuilder } from "../../../../graph/builder.ts";
import { constantValue } from "../../../../graph/constants.ts";
import { type Graph, isStandardDomain, type Node } from "../../../../graph/graph.ts";
import { indexOf } from "../../../../graph/index.ts";
import { readNumbers } from "../../../../graph/numbers.ts";
import { elementCount, type Tensor } from "../../../../graph/tensor.ts";
import type { KnownShapes } from "../node-call.ts";

/** A graph in which operators are looked for that an exporter wrote as several nodes. */
export interface Composed {
  readonly graph: Graph;
  readonly shapes: KnownShapes;
  /** For constants that the operator needs and the nodes do without. */
  readonly builder: GraphBuilder;
}

/** An operator that stands in a graph as several nodes. */
export interface Composition {
  /**
   * @param core what may be the last of the nodes, but for a scale and a shift behind it.
   * @returns what the operator says beside those; undefined where the nodes are something else.
   */
  match(composed: Composed, core: Node): ComposedOperator | undefined;
}

export interface ComposedOperator {
  /** Sizes that scale and shift have, and their sizes in the nodes. */
  readonly dims: readonly number[];
  /** Whether a constant of these sizes counts for the same axes as one of `dims`. */
  fits(tensor: Tensor): boolean;
  /** The operator's node with that output. */
  node(output: string, scale: string, shift: string): Node;
}

/** The node that makes a value, where it is one of these operators. */
export function madeBy(
  graph: Graph,
  value: string,
  ...opTypes: readonly string[]
): Node | undefined {
  const producer = indexOf(graph).producer(value);
  const known = producer !== undefined && isStandardDomain(producer.domain);
  return known && opTypes.includes(producer.opType) ? producer : undefined;
}

/** A node's two inputs where one of them is constant. */
export function besideConstant(
  graph: Graph,
  { input }: Node,
): { readonly constant: Tensor; readonly value: string } | undefined {
  if (input.length !== 2) return undefined;
  for (const [value = "", other = ""] of [input, input.toReversed()]) {
    const constant = constantValue(graph, other);
    if (constant !== undefined && constantValue(graph, value) === undefined) {
      return { constant, value };
    }
  }
  return undefined;
}

/** The one number of a constant. */
export function numberOf(tensor: Tensor | undefined): number | undefined {
  return tensor && elementCount(tensor.dims) === 1 ? readNumbers(tensor)[0] : undefined;
}
