import type { Schedule } from "./schedule.ts";

/** lr·epochFactor^epoch, PyTorch's ExponentialLR. */
export const exponential: Schedule = {
  rate: ({ epochFactor }, base, { epoch }) => base * epochFactor ** epoch,
};
