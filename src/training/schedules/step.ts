import type { Schedule } from "./schedule.ts";

/** lr·factor^⌊epoch/everyEpochs⌋, PyTorch's StepLR. */
export const step: Schedule = {
  rate: ({ factor, everyEpochs }, base, { epoch }) =>
    base * factor ** Math.floor(epoch / everyEpochs),
};
