import { makeNode } from "../graph/builder.ts";
import { type Graph, type Node, standardOpset } from "../graph/graph.ts";

/** Before it, Mul and Add name the axis of their second input instead of broadcasting from the right. */
export const FIRST_OPSET_WITH_BROADCASTING = 7;

/** Shape of a constant with one number for each position along an axis of a value. */
export function channelConstantDims(
  graph: Graph,
  channels: number,
  axis: number,
  rank: number,
): readonly number[] {
  if (standardOpset(graph) < FIRST_OPSET_WITH_BROADCASTING) return [channels];
  return [channels, ...new Array<number>(rank - axis - 1).fill(1)];
}

/** A Mul or Add with a constant of that shape, as the graph's operator set writes it. */
export function channelArithmetic(
  graph: Graph,
  opType: "Mul" | "Add",
  operands: { readonly value: string; readonly constant: string },
  output: string,
  axis: number,
  name: string,
): Node {
  const attributes =
    standardOpset(graph) < FIRST_OPSET_WITH_BROADCASTING
      ? { broadcast: { int: 1 }, axis: { int: axis } }
      : {};
  return makeNode(opType, [operands.value, operands.constant], [output], { name, attributes });
}
