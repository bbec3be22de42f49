import type { Node } from "../graph/graph.ts";
import { constraintText, type WeightConstraint, weightRules } from "../graph/weight-rules.ts";
import { nodeLabel, type Refusal, refuse } from "./refusal.ts";
import type { UnitWeight } from "./unit-weight.ts";

/**
 * The limit as the constraint of the layer itself, which its node keeps as a note and files of layers
 * as MaxNorm. Keras and TensorFlow.js compute it as w·clip(‖w‖, 0, c)/(ε + ‖w‖) with ε = 1e-7
 * (keras/src/constraints/constraints.py), norms over the same weights of each output unit.
 */
export function maxNormConstraint(
  { units: { view, reduced }, tensor: { dims } }: Pick<UnitWeight, "units" | "tensor">,
  limit: number,
): WeightConstraint {
  const whole = view.length === dims.length && view.every((size, axis) => size === dims[axis]);
  return {
    kind: "max-norm",
    axes: reduced,
    ...(whole ? {} : { view }),
    minimum: 0,
    maximum: limit,
    rate: 1,
  };
}

/** A layer has one constraint for a weight, and another kind of one was somebody's choice. */
export function otherConstraint(node: Node, input: number): Refusal | undefined {
  const { constraint } = weightRules(node, input);
  if (constraint === undefined || constraint.kind === "max-norm") return undefined;
  return refuse(
    `${nodeLabel(node)} has another constraint for its weight already: ${constraintText(constraint)}.`,
  );
}
