import type { OptimizerConfig } from "../../protocol/training.ts";
import type { Optimizer, ParameterUpdate, UpdatedParameter } from "./optimizer.ts";

/**
 * Adam, D. Kingma and J. Ba (2015), algorithm 1:
 *
 *   m ← β₁·m + (1 − β₁)·g,  v ← β₂·v + (1 − β₂)·g²,
 *   w ← w − lr·m̂/(√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).
 *
 * Kept are M = m/(1 − β₁) and V = v/(1 − β₂), for which M ← β₁·M + g and V ← β₂·V + g², and the
 * constants are gathered into the two numbers that change with t:
 *
 *   w ← w − a·M/(√V + e),  e = ε·√((1 − β₂ᵗ)/(1 − β₂)),
 *   a = lr·(1 − β₁)/(1 − β₁ᵗ)·√((1 − β₂ᵗ)/(1 − β₂)).
 *
 * The same steps with 10 passes over memory in place of 14.
 */
export const adam: Optimizer = {
  elementwise: true,
  slots: () => ["first", "second"],
  scalars: adamScalars,
  addUpdate: addAdamUpdate,
};

export function adamScalars(config: OptimizerConfig, learningRate: number, step: number) {
  const { beta1, beta2, epsilon } = config;
  const root = Math.sqrt((1 - beta2 ** step) / (1 - beta2));
  return {
    step_size: (learningRate * (1 - beta1) * root) / (1 - beta1 ** step),
    step_epsilon: epsilon * root,
  };
}

export function addAdamUpdate(update: ParameterUpdate): UpdatedParameter {
  const { builder, parameter, scalar } = update;
  const { direction, slots } = addAdamMoments(update);
  const step = builder.add("Mul", [direction, scalar("step_size")]);
  return { parameter: builder.add("Sub", [parameter, step], { stem: "next_parameter" }), slots };
}

/** The two moments after the step, and M/(√V + e). */
export function addAdamMoments({ builder, config, gradient, slot, scalar }: ParameterUpdate) {
  const keptFirst = builder.add("Mul", [slot("first"), builder.scalar(config.beta1)]);
  const first = builder.add("Add", [keptFirst, gradient], { stem: "next_first" });
  const square = builder.add("Mul", [gradient, gradient]);
  const keptSecond = builder.add("Mul", [slot("second"), builder.scalar(config.beta2)]);
  const second = builder.add("Add", [keptSecond, square], { stem: "next_second" });
  const root = builder.add("Sqrt", [second]);
  const scale = builder.add("Add", [root, scalar("step_epsilon")]);
  return { direction: builder.add("Div", [first, scale]), slots: { first, second } };
}
