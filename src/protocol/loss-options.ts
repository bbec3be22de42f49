import type { TrainingConfig } from "./training.ts";

export type LossOption = keyof TrainingConfig["lossOptions"];

const LOSS_OPTIONS: Readonly<Record<TrainingConfig["loss"], readonly LossOption[]>> = {
  "cross-entropy": ["labelSmoothing", "classWeights"],
  "binary-cross-entropy": ["labelSmoothing"],
  "mean-squared-error": [],
  "mean-absolute-error": [],
  huber: ["huberDelta"],
  "kl-divergence": [],
};

/** Whether a loss has an option; the form shows no others. */
export function lossHasOption(loss: string, option: LossOption): boolean {
  const options: Readonly<Record<string, readonly LossOption[]>> = LOSS_OPTIONS;
  return options[loss]?.includes(option) ?? false;
}
