import { adam, adamScalars, addAdamUpdate } from "./adam.ts";
import type { Optimizer } from "./optimizer.ts";

/**
 * AdamW, I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization" (2019), in PyTorch's
 * form: w ← (1 − lr·λ)·w, then Adam's step with a gradient that knows nothing of the decay.
 *
 * PyTorch decays every parameter it is given; here config.decayedParameters says which.
 */
export const adamw: Optimizer = {
  elementwise: true,
  slots: adam.slots,
  scalars: (config, learningRate, step) => ({
    ...adamScalars(config, learningRate, step),
    decay: 1 - learningRate * config.weightDecay,
  }),
  addUpdate: (update) => {
    if (!update.decayed) return addAdamUpdate(update);
    const decayed = update.builder.add("Mul", [update.parameter, update.scalar("decay")]);
    return addAdamUpdate({ ...update, parameter: decayed });
  },
};
