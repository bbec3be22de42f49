import type { Schedule } from "./schedule.ts";

/**
 * I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), eq. 5,
 * without restarts, T the most epochs of the run; PyTorch's CosineAnnealingLR:
 *
 *   min + ½·(lr − min)·(1 + cos(π·epoch/T))
 */
export const cosine: Schedule = {
  rate: ({ minimum }, base, { epoch, maxEpochs }) =>
    minimum + ((base - minimum) * (1 + Math.cos((Math.PI * epoch) / maxEpochs))) / 2,
};
