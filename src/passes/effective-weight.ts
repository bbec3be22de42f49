import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { outputUnits } from "../operators/output-units.ts";
import { weightNormalization } from "../operators/weight-normalization.ts";
import { directedTensor } from "./directed-tensor.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { isLinearLayer, type UnitWeight, unitWeight } from "./unit-weight.ts";
import { valueTypes } from "./value-types.ts";

/**
 * The weight that a linear layer computes with: the stored one, or g·v/‖v‖ multiplied out where it is
 * weight-normalized; undefined for other nodes.
 */
export function effectiveWeight(graph: Graph, node: Node): UnitWeight | Refusal | undefined {
  if (!isLinearLayer(node)) return undefined;
  for (const [input, value] of node.input.entries()) {
    const producer = indexOf(graph).producer(value);
    const form = producer && weightNormalization(graph, producer);
    const type = form && valueTypes(graph).get(value);
    if (form === undefined || type === undefined) continue;
    const dims = type.shape.map(Number);
    const tensor = directedTensor(graph, form, { dims, dataType: type.dataType });
    if (typeof tensor === "string") return refuse(`${nodeLabel(node)}: ${tensor}.`);
    if (isRefusal(tensor)) return tensor;
    const units = outputUnits(node, input, dims);
    if (units === undefined) {
      return refuse(
        `The weight of ${nodeLabel(node)} has shape [${dims}], which has no output units.`,
      );
    }
    return { node, input, value, tensor, units };
  }
  return unitWeight(graph, node);
}
