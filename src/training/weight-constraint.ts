import type { GraphBuilder } from "../graph/builder.ts";
import type { WeightConstraint } from "../graph/weight-rules.ts";
import { reshape } from "../operators/emit.ts";

/** Keras' and TensorFlow.js' backend epsilon, which both divide by. */
const EPSILON = 1e-7;

/**
 * A weight after a step, brought back by its layer's constraint as Keras and TensorFlow.js do
 * (keras/src/constraints/constraints.py), with n = √Σw² over the constraint's axes:
 *
 *   max-norm:      w·clip(n, 0, c)/(ε + n)
 *   unit-norm:     w/(ε + n)
 *   min-max-norm:  w·(rate·clip(n, low, high) + (1 − rate)·n)/(ε + n)
 *   non-negative:  max(w, 0)
 *
 * Unlike maxNorm of the options, max-norm shrinks weights below the limit as well, by ε/n of them.
 */
export function addConstraint(
  builder: GraphBuilder,
  constraint: WeightConstraint,
  parameter: string,
  dims: readonly number[],
): string {
  const { kind, axes, view, minimum, maximum, rate } = constraint;
  if (kind === "non-negative") return builder.add("Relu", [parameter], { stem: "constrained" });
  const weight = view === undefined ? parameter : reshape(builder, parameter, view);
  const norm = builder.add("ReduceL2", [weight, builder.ints(axes)]);
  const divisor = builder.add("Add", [norm, builder.scalar(EPSILON)]);
  const clip = (low: number) =>
    builder.add("Clip", [norm, builder.scalar(low), builder.scalar(maximum)]);
  const desired = (): string => {
    if (kind === "unit-norm") return builder.scalar(1);
    if (kind === "max-norm") return clip(0);
    const part = builder.add("Mul", [clip(minimum), builder.scalar(rate)]);
    const rest = builder.add("Mul", [norm, builder.scalar(1 - rate)]);
    return builder.add("Add", [part, rest]);
  };
  const factor = builder.add("Div", [desired(), divisor]);
  const scaled = builder.add("Mul", [weight, factor], { stem: "constrained" });
  return view === undefined ? scaled : reshape(builder, scaled, dims);
}
