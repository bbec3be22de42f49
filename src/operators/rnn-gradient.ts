import { asFloat, multiply } from "./emit.ts";
import type { GateActivation } from "./gate-activation.ts";
import {
  asRows,
  concat,
  type Direction,
  type DirectionGradients,
  splitSteps,
  tanhSlope,
  throughRecurrence,
  walkBack,
} from "./recurrent-direction.ts";

/**
 * f′ of h = f(W·x + R·h₋ + b) by its value, for each activation that has a gradient; the numbers of a
 * HardSigmoid come with it.
 */
const SLOPES: Readonly<Record<string, (direction: Direction, own: GateActivation) => string>> = {
  Tanh: ({ builder, after }) => tanhSlope(builder, after),
  Sigmoid: ({ builder, after }, own) => own.slope(builder, after),
  HardSigmoid: ({ builder, after }, own) => own.slope(builder, after),
  Relu: ({ builder, after }) =>
    asFloat(builder, builder.add("Greater", [after, builder.scalar(0)])),
};

export const RNN_ACTIVATIONS: readonly string[] = Object.keys(SLOPES);

/**
 * The simple recurrent network (J. Elman, 1990): ∂L/∂z = ∂L/∂h·f′, and R leads back to h₋.
 *
 * @param own the activation with the numbers that the node states for this direction.
 */
export function rnnGradients(
  direction: Direction,
  activation: string,
  own: GateActivation,
): DirectionGradients {
  const { builder, hidden, recurrence } = direction;
  const slopeAt = splitSteps(direction, SLOPES[activation]?.(direction, own) ?? "");
  const sums: string[] = [];
  const initialHidden = walkBack(direction, (time, gradient) => {
    const sum = multiply(builder, gradient, slopeAt[time] ?? "");
    sums[time] = sum;
    return builder.add("MatMul", [sum, recurrence]);
  });
  const rows = asRows(direction, concat(builder, sums, 0), hidden);
  return {
    inputSide: rows,
    ...throughRecurrence(direction, rows),
    initialHidden,
  };
}
