import type { EarlyStoppingConfig } from "./training.ts";

/** Options of early stopping that not every rule has. */
export type RuleSpecificOption = Extract<
  keyof EarlyStoppingConfig,
  "minDelta" | "baseline" | "startFrom" | "stoppingThreshold" | "divergenceThreshold"
>;

/** Which options a rule has; the form shows no others, and a run refuses them. */
export const EARLY_STOPPING_RULES: Readonly<
  Record<EarlyStoppingConfig["rule"], readonly RuleSpecificOption[]>
> = {
  normlens: ["minDelta", "baseline", "startFrom", "stoppingThreshold", "divergenceThreshold"],
  keras: ["minDelta", "baseline", "startFrom"],
  lightning: ["minDelta", "stoppingThreshold", "divergenceThreshold"],
  tfjs: ["minDelta", "baseline"],
  "sklearn-mlp": ["minDelta"],
  "sklearn-sgd": ["minDelta"],
};
