import type { Optimizer } from "./optimizer.ts";

/**
 * Adagrad, J. Duchi, E. Hazan and Y. Singer (2011), in PyTorch's form without its own decay of the
 * learning rate, which a schedule is for:
 *
 *   s ← s + g²,   w ← w − lr·g/(√s + ε)
 *
 * The sum starts at initialAccumulator: the kept tensor starts at 0 and that number is added to it.
 */
export const adagrad: Optimizer = {
  elementwise: true,
  slots: () => ["sum"],
  scalars: (_config, learningRate) => ({ learning_rate: learningRate }),
  addUpdate: ({ builder, config, parameter, gradient, slot, scalar }) => {
    const square = builder.add("Mul", [gradient, gradient]);
    const sum = builder.add("Add", [slot("sum"), square], { stem: "next_sum" });
    const start = config.initialAccumulator;
    const whole = start === 0 ? sum : builder.add("Add", [sum, builder.scalar(start)]);
    const scale = builder.add("Add", [
      builder.add("Sqrt", [whole]),
      builder.scalar(config.epsilon),
    ]);
    const direction = builder.add("Div", [gradient, scale]);
    const step = builder.add("Mul", [direction, scalar("learning_rate")]);
    const next = builder.add("Sub", [parameter, step], { stem: "next_parameter" });
    return { parameter: next, slots: { sum } };
  },
};
