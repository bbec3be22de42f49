import type { Optimizer } from "./optimizer.ts";

/**
 * Stochastic gradient descent with momentum in PyTorch's form:
 * b ← μ·b + g, w ← w − lr·b; without momentum w ← w − lr·g, and in Nesterov's form
 * w ← w − lr·(g + μ·b), the step from where the momentum will have taken the weight.
 *
 * (Sutskever et al., 2013, put the learning rate inside the sum; the two differ only where the
 * learning rate changes between steps.)
 */
export const sgd: Optimizer = {
  elementwise: true,
  slots: (config) => (config.momentum > 0 ? ["momentum"] : []),
  scalars: (_config, learningRate) => ({ learning_rate: learningRate }),
  addUpdate: ({ builder, config, parameter, gradient, slot, scalar }) => {
    const slots: Record<string, string> = {};
    let direction = gradient;
    if (config.momentum > 0) {
      const kept = builder.add("Mul", [slot("momentum"), builder.scalar(config.momentum)]);
      direction = builder.add("Add", [kept, gradient], { stem: "next_momentum" });
      slots.momentum = direction;
      if (config.nesterov) {
        const ahead = builder.add("Mul", [direction, builder.scalar(config.momentum)]);
        direction = builder.add("Add", [gradient, ahead]);
      }
    }
    const step = builder.add("Mul", [direction, scalar("learning_rate")]);
    return { parameter: builder.add("Sub", [parameter, step], { stem: "next_parameter" }), slots };
  },
};
