import { type Graph, type Node, standardOpset } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { behindCarriers, weightNormalization } from "../operators/weight-normalization.ts";
import { FIRST_OPSET_WITH_BROADCASTING } from "./channel-constant.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { isLinearLayer, type UnitWeight, unitWeight } from "./unit-weight.ts";

/** The weight of a linear layer where it can be written as g·v/‖v‖, or why not. */
export function normalizableWeight(graph: Graph, node: Node): UnitWeight | Refusal | undefined {
  if (!isLinearLayer(node)) return undefined;
  if (node.input.some((value) => isNormalized(graph, value))) {
    return refuse(`The weight of ${nodeLabel(node)} is g·v/‖v‖ already: remove that first.`);
  }
  const weight = unitWeight(graph, node);
  if (weight === undefined || isRefusal(weight)) return weight;
  if (standardOpset(graph) < FIRST_OPSET_WITH_BROADCASTING) {
    return refuse(
      `${nodeLabel(node)} is of operator set ${standardOpset(graph)}, in which g does not broadcast over v: ${FIRST_OPSET_WITH_BROADCASTING} is needed.`,
    );
  }
  return weight;
}

function isNormalized(graph: Graph, value: string): boolean {
  const producer = indexOf(graph).producer(behindCarriers(graph, value));
  return producer !== undefined && weightNormalization(graph, producer) !== undefined;
}
