import { asFloat, multiply } from "./emit.ts";
import {
  asRows,
  concat,
  type Direction,
  type DirectionGradients,
  logisticSlope,
  splitSteps,
  tanhSlope,
  throughRecurrence,
  walkBack,
} from "./recurrent-direction.ts";

/** f′ of h = f(W·x + R·h₋ + b) by its value, for each activation that has a gradient. */
const SLOPES: Readonly<Record<string, (direction: Direction) => string>> = {
  Tanh: ({ builder, after }) => tanhSlope(builder, after),
  Sigmoid: ({ builder, after }) => logisticSlope(builder, after),
  Relu: ({ builder, after }) =>
    asFloat(builder, builder.add("Greater", [after, builder.scalar(0)])),
};

export const RNN_ACTIVATIONS: readonly string[] = Object.keys(SLOPES);

/** The simple recurrent network (J. Elman, 1990): ∂L/∂z = ∂L/∂h·f′, and R leads back to h₋. */
export function rnnGradients(direction: Direction, activation: string): DirectionGradients {
  const { builder, hidden, recurrence } = direction;
  const slopeAt = splitSteps(direction, SLOPES[activation]?.(direction) ?? "");
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
