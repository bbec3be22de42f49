import { GraphBuilder } from "../../../../graph/builder.ts";
import { changeGraph, takenNames } from "../../../../graph/edit.ts";
import { type Graph, isStandardDomain, type Node } from "../../../../graph/graph.ts";
import { float32Tensor, type Tensor } from "../../../../graph/tensor.ts";
import type { KnownShapes } from "../node-call.ts";
import { withDims } from "../weights.ts";
import {
  besideConstant,
  type Composed,
  type ComposedOperator,
  type Composition,
  madeBy,
} from "./composition.ts";
import { groupNormalization } from "./group-normalization.ts";
import { layerNormalization } from "./layer-normalization.ts";

/** Every operator that is looked for; one a file. */
const compositions: readonly Composition[] = [layerNormalization, groupNormalization];

/**
 * The graph with one node in the place of the last of several that amount to an operator. The others
 * stay where they are; those that nobody reads any more are not written.
 */
export function withComposed(graph: Graph, shapes: KnownShapes): Graph {
  const composed: Composed = { graph, shapes, builder: new GraphBuilder(takenNames(graph)) };
  const replace = new Map<Node, readonly Node[]>();
  for (const node of graph.nodes) {
    const found = isStandardDomain(node.domain) ? composedNode(composed, node) : undefined;
    if (found !== undefined) replace.set(node, [found]);
  }
  if (replace.size === 0) return graph;
  return changeGraph(graph, {
    replace,
    initializers: [...composed.builder.initializers.values()],
  });
}

/** The operator with the scale and the shift that stand behind it, as far as they do. */
function composedNode(composed: Composed, last: Node): Node | undefined {
  const { graph } = composed;
  const shift = last.opType === "Add" ? besideConstant(graph, last) : undefined;
  const product = shift === undefined ? last : madeBy(graph, shift.value, "Mul");
  const scale = product?.opType === "Mul" ? besideConstant(graph, product) : undefined;
  const core = scale === undefined ? last : madeBy(graph, scale.value, "Div", "Reshape");
  if (core === undefined || (shift !== undefined && scale === undefined)) return undefined;
  const operator = firstMatch(composed, core);
  const fits = [scale?.constant, shift?.constant].every(
    (tensor) => tensor === undefined || operator?.fits(tensor),
  );
  if (operator === undefined || !fits) return undefined;
  const constant = (tensor: Tensor | undefined, fallback: number) =>
    parameter(composed, operator.dims, tensor, fallback);
  const output = last.output[0] ?? "";
  return operator.node(output, constant(scale?.constant, 1), constant(shift?.constant, 0));
}

function firstMatch(composed: Composed, core: Node): ComposedOperator | undefined {
  for (const composition of compositions) {
    const operator = composition.match(composed, core);
    if (operator !== undefined) return operator;
  }
  return undefined;
}

/** The constant with the sizes that the operator wants; without one the same number throughout. */
function parameter(
  { builder }: Composed,
  dims: readonly number[],
  tensor: Tensor | undefined,
  fallback: number,
): string {
  const name = builder.freshName(tensor?.name ?? "constant");
  if (tensor !== undefined) return builder.addInitializer({ ...withDims(tensor, dims), name });
  const count = dims.reduce((all, size) => all * size, 1);
  return builder.addInitializer(float32Tensor(name, dims, new Float32Array(count).fill(fallback)));
}
