import type { TrainingConfig } from "../../src/protocol/training.ts";
import type { LEARNING_FIELDS } from "./learning-fields.ts";
import { nameList, namesIn } from "./name-list.ts";

type LearningDraft = Readonly<Record<keyof typeof LEARNING_FIELDS, string>>;
type LearningConfig = Pick<
  TrainingConfig,
  | "optimizer"
  | "gradientClipping"
  | "accumulateBatches"
  | "decayedParameters"
  | "frozen"
  | "labelNoise"
>;

export function learningDraft(config: LearningConfig): LearningDraft {
  const { optimizer, gradientClipping } = config;
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
    frozen: nameList(config.frozen.names),
    updateStatistics: String(config.frozen.updateStatistics),
    clipNorm: String(gradientClipping.norm),
    clipValue: String(gradientClipping.value),
    accumulateBatches: String(config.accumulateBatches),
    labelNoise: String(config.labelNoise),
    decayedParameters: config.decayedParameters,
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
    frozen: {
      names: namesIn(draft.frozen),
      updateStatistics: draft.updateStatistics === "true",
    },
    gradientClipping: { norm: Number(draft.clipNorm), value: Number(draft.clipValue) },
    accumulateBatches: Number(draft.accumulateBatches),
    labelNoise: Number(draft.labelNoise),
    decayedParameters: draft.decayedParameters as TrainingConfig["decayedParameters"],
  };
}
