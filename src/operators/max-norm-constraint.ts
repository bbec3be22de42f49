import type { WeightConstraint } from "../graph/weight-rules.ts";
import type { OutputUnits } from "./output-units.ts";

/**
 * A limit on the length of each output unit's weights as the constraint of the layer itself, which its
 * node keeps as a note and files of layers as MaxNorm. Keras and TensorFlow.js compute it as
 * w·clip(‖w‖, 0, c)/(ε + ‖w‖) with ε = 1e-7 (keras/src/constraints/constraints.py).
 *
 * @param dims of the weight as the node reads it.
 */
export function maxNormConstraint(
  { view, reduced }: OutputUnits,
  dims: readonly number[],
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

/** A layer has one constraint for a weight, and one of another kind was somebody's choice. */
export function takesMaxNorm(before: WeightConstraint | undefined): boolean {
  return before === undefined || before.kind === "max-norm";
}
