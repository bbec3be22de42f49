import type { Optimizer } from "./optimizer.ts";

/**
 * RMSprop, G. Hinton, "Neural Networks for Machine Learning" (2012), lecture 6e, in PyTorch's form:
 *
 *   s ← α·s + (1 − α)·g²,   d = g/(√s + ε),   w ← w − lr·d
 *
 * centered (A. Graves 2013) takes √(s − a²) with the mean a ← α·a + (1 − α)·g in place of √s, and
 * with momentum μ > 0 the step is lr·b, b ← μ·b + d.
 */
export const rmsprop: Optimizer = {
  elementwise: true,
  slots: ({ centered, rmspropMomentum }) => [
    "square",
    ...(centered ? ["mean"] : []),
    ...(rmspropMomentum > 0 ? ["momentum"] : []),
  ],
  scalars: (_config, learningRate) => ({ learning_rate: learningRate }),
  addUpdate: ({ builder, config, parameter, gradient, slot, scalar }) => {
    const { alpha, centered, epsilon, rmspropMomentum } = config;
    const average = (old: string, value: string, stem: string) => {
      const kept = builder.add("Mul", [old, builder.scalar(alpha)]);
      const taken = builder.add("Mul", [value, builder.scalar(1 - alpha)]);
      return builder.add("Add", [kept, taken], { stem });
    };
    const squared = builder.add("Mul", [gradient, gradient]);
    const square = average(slot("square"), squared, "next_square");
    const slots: Record<string, string> = { square };
    let variance = square;
    if (centered) {
      const mean = average(slot("mean"), gradient, "next_mean");
      slots.mean = mean;
      const difference = builder.add("Sub", [square, builder.add("Mul", [mean, mean])]);
      // Rounding can take the difference of equal numbers below 0, where the root is not a number.
      variance = builder.add("Max", [difference, builder.scalar(0)]);
    }
    const scale = builder.add("Add", [builder.add("Sqrt", [variance]), builder.scalar(epsilon)]);
    let direction = builder.add("Div", [gradient, scale]);
    if (rmspropMomentum > 0) {
      const kept = builder.add("Mul", [slot("momentum"), builder.scalar(rmspropMomentum)]);
      direction = builder.add("Add", [kept, direction], { stem: "next_momentum" });
      slots.momentum = direction;
    }
    const step = builder.add("Mul", [direction, scalar("learning_rate")]);
    return { parameter: builder.add("Sub", [parameter, step], { stem: "next_parameter" }), slots };
  },
};
