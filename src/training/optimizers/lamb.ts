import { wholeSum } from "../whole-sums.ts";
import { adam, adamScalars, addAdamMoments } from "./adam.ts";
import type { Optimizer, ParameterUpdate } from "./optimizer.ts";

/**
 * LAMB, Y. You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes"
 * (2020), algorithm 2, with φ(z) = z. For each parameter tensor, with Adam's m̂ and v̂:
 *
 *   r = m̂/(√v̂ + ε),   u = r + λ·w,   w ← w − lr·‖w‖/‖u‖·u,   and lr·u where ‖w‖ or ‖u‖ is 0
 *
 * As in the authors' code, what is not decayed (biases and normalizations) is not scaled either, and
 * takes Adam's step: a bias that starts near 0 would hardly move.
 */
export const lamb: Optimizer = {
  elementwise: false,
  slots: adam.slots,
  scalars: (config, learningRate, step) => {
    const { step_size, step_epsilon } = adamScalars(config, 1, step);
    return { direction_size: step_size, step_epsilon, learning_rate: learningRate };
  },
  addUpdate: (update) => {
    const { builder, parameter, scalar } = update;
    const { direction: unscaled, slots } = addAdamMoments(update);
    const direction = builder.add("Mul", [unscaled, scalar("direction_size")]);
    const step = builder.add("Mul", [scaledDirection(update, direction), scalar("learning_rate")]);
    return { parameter: builder.add("Sub", [parameter, step], { stem: "next_parameter" }), slots };
  },
};

/** ‖w‖/‖u‖·u, or Adam's direction for what is not decayed. */
function scaledDirection(update: ParameterUpdate, direction: string): string {
  const { builder, config, parameter, decayed } = update;
  if (!decayed) return direction;
  const { weightDecay } = config;
  const decay = builder.add("Mul", [parameter, builder.scalar(weightDecay)]);
  const whole = weightDecay === 0 ? direction : builder.add("Add", [direction, decay]);
  const norm = (value: string) =>
    builder.add("Sqrt", [wholeSum(builder, "ReduceSumSquare", value, update.rank)]);
  const [own, step] = [norm(parameter), norm(whole)];
  const zero = builder.scalar(0);
  const moves = builder.add("And", [
    builder.add("Greater", [own, zero]),
    builder.add("Greater", [step, zero]),
  ]);
  const quotient = builder.add("Div", [own, step]);
  const ratio = builder.add("Where", [moves, quotient, builder.scalar(1)], { stem: "trust_ratio" });
  return builder.add("Mul", [whole, ratio]);
}
