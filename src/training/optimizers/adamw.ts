import { adam, adamScalars, addAdamUpdate } from "./adam.ts";
import type { Optimizer } from "./optimizer.ts";

/**
 * AdamW, I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization" (2019), in PyTorch's
 * form: w ← (1 − lr·λ)·w, then Adam's step with a gradient that knows nothing of the decay.
 *
 * As in PyTorch the decay is of every parameter, biases and BatchNorm's included.
 */
export const adamw: Optimizer = {
  slots: adam.slots,
  scalars: (config, learningRate, step) => ({
    ...adamScalars(config, learningRate, step),
    decay: 1 - learningRate * config.weightDecay,
  }),
  addUpdate: (update) => {
    const decayed = update.builder.add("Mul", [update.parameter, update.scalar("decay")]);
    return addAdamUpdate({ ...update, parameter: decayed });
  },
};
