import type { GraphBuilder } from "../graph/builder.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { wholeSum } from "./whole-sums.ts";

/** Keeps the division finite where all gradients are 0; PyTorch's number. */
const NORM_EPSILON = 1e-6;

/**
 * R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training Recurrent Neural Networks"
 * (2013), algorithm 1, in PyTorch's form: by value v, then by the norm over all parameters together,
 *
 *   g ← min(max(g, −v), v),   g ← g·min(1, c/(‖g‖ + 1e-6))
 *
 * Clipped is the gradient of the whole loss, penalties included; a decoupled decay is not part of it.
 *
 * @param gradients by parameter.
 */
export function addClipping(
  builder: GraphBuilder,
  { norm, value }: TrainingConfig["gradientClipping"],
  gradients: ReadonlyMap<string, string>,
  rankOf: (parameter: string) => number,
): ReadonlyMap<string, string> {
  const bounds = value === 0 ? [] : [builder.scalar(-value), builder.scalar(value)];
  const bounded = [...gradients].map(([parameter, gradient]) => {
    const clipped = value === 0 ? gradient : builder.add("Clip", [gradient, ...bounds]);
    return [parameter, clipped] as const;
  });
  if (norm === 0) return new Map(bounded);
  const squares = bounded.map(([parameter, gradient]) =>
    wholeSum(builder, "ReduceSumSquare", gradient, rankOf(parameter)),
  );
  const total = builder.add("Sqrt", [builder.add("Sum", squares)], { stem: "gradient_norm" });
  const shifted = builder.add("Add", [total, builder.scalar(NORM_EPSILON)]);
  const quotient = builder.add("Div", [builder.scalar(norm), shifted]);
  const factor = builder.add("Min", [quotient, builder.scalar(1)]);
  return new Map(
    bounded.map(([parameter, gradient]) => [parameter, builder.add("Mul", [gradient, factor])]),
  );
}
