import type { TrainingConfig } from "../../src/protocol/training.ts";
import type { LEARNING_FIELDS } from "./learning-fields.ts";

type LearningDraft = Readonly<Record<keyof typeof LEARNING_FIELDS, string>>;
type LearningConfig = Pick<TrainingConfig, "optimizer" | "decayedParameters">;

export function learningDraft({ optimizer, decayedParameters }: LearningConfig): LearningDraft {
  return {
    optimizer: optimizer.kind,
    learningRate: String(optimizer.learningRate),
    momentum: String(optimizer.momentum),
    nesterov: String(optimizer.nesterov),
    alpha: String(optimizer.alpha),
    rmspropMomentum: String(optimizer.rmspropMomentum),
    centered: String(optimizer.centered),
    initialAccumulator: String(optimizer.initialAccumulator),
    beta1: String(optimizer.beta1),
    beta2: String(optimizer.beta2),
    epsilon: String(optimizer.epsilon),
    weightDecay: String(optimizer.weightDecay),
    decayedParameters,
  };
}

/** Only for texts that have been checked. */
export function learningConfig(draft: LearningDraft): LearningConfig {
  return {
    optimizer: {
      kind: draft.optimizer as TrainingConfig["optimizer"]["kind"],
      learningRate: Number(draft.learningRate),
      momentum: Number(draft.momentum),
      nesterov: draft.nesterov === "true",
      alpha: Number(draft.alpha),
      centered: draft.centered === "true",
      rmspropMomentum: Number(draft.rmspropMomentum),
      initialAccumulator: Number(draft.initialAccumulator),
      beta1: Number(draft.beta1),
      beta2: Number(draft.beta2),
      epsilon: Number(draft.epsilon),
      weightDecay: Number(draft.weightDecay),
    },
    decayedParameters: draft.decayedParameters as TrainingConfig["decayedParameters"],
  };
}
