import { lossHasOption } from "../../src/protocol/loss-options.ts";
import type { TrainingConfig } from "../../src/protocol/training.ts";
import type { LOSS_FIELDS } from "./loss-fields.ts";

type LossDraft = Readonly<Record<keyof typeof LOSS_FIELDS, string>>;
type LossConfig = Pick<TrainingConfig, "loss" | "lossOptions">;

export function lossDraft({ loss, lossOptions }: LossConfig): LossDraft {
  const { classWeights } = lossOptions;
  return {
    loss,
    labelSmoothing: String(lossOptions.labelSmoothing),
    classWeights: typeof classWeights === "string" ? classWeights : classWeights.join(", "),
    huberDelta: String(lossOptions.huberDelta),
  };
}

/**
 * Only for texts that have been checked. An option of another loss goes back to where it changes
 * nothing: the engine refuses one that would not be noticed.
 */
export function lossConfig(draft: LossDraft): LossConfig {
  const loss = draft.loss as TrainingConfig["loss"];
  const weights = draft.classWeights.trim();
  return {
    loss,
    lossOptions: {
      labelSmoothing: lossHasOption(loss, "labelSmoothing") ? Number(draft.labelSmoothing) : 0,
      classWeights: !lossHasOption(loss, "classWeights")
        ? "none"
        : weights === "none" || weights === "balanced"
          ? weights
          : weights.split(",").map(Number),
      huberDelta: Number(draft.huberDelta),
    },
  };
}

export function weightsError(text: string): string | undefined {
  if (text === "none" || text === "balanced") return undefined;
  const positive = text
    .split(",")
    .every((part) => part.trim() !== "" && Number(part) > 0 && Number.isFinite(Number(part)));
  return positive ? undefined : "Write none, balanced, or numbers above 0 between commas.";
}
