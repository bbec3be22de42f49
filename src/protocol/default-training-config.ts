import type { TrainingConfig } from "./training.ts";

/** What a run does when nothing else is said; the form starts with it. */
export const DEFAULT_TRAINING_CONFIG: TrainingConfig = {
  data: "digits",
  split: { train: 0.6, validation: 0.2, test: 0.2 },
  seed: 0,
  weights: "fresh",
  passes: [],
  loss: "cross-entropy",
  batchSize: 32,
  maxEpochs: 100,
  optimizer: {
    kind: "adam",
    learningRate: 1e-3,
    momentum: 0.9,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
  },
  l2: 0,
  l1: 0,
  maxNorm: { limit: 0 },
  earlyStopping: {
    enabled: true,
    monitor: "validationLoss",
    direction: "min",
    patience: 10,
    minDelta: 0,
    startFrom: 1,
    restoreBest: true,
    checkFinite: true,
  },
  batchNorm: { momentum: 0.1, runningVariance: "unbiased" },
  variationalDropout: { klWeight: 1, warmUpEpochs: 0 },
  statistics: { values: "auto", everySteps: 1, bins: 30 },
  threads: 0,
};
