import { DATA_FIELDS } from "./data-fields.ts";
import { choice, type FieldRule, number, whole } from "./field-rules.ts";

const YES_NO: FieldRule = {
  allowed: "true or false",
  valid: (value) => typeof value === "boolean",
};
const POSITIVE = number("a number above 0", (value) => value > 0);
const NOT_NEGATIVE = number("a number from 0", (value) => value >= 0);
const ANY_NUMBER = number("a number", () => true);
const BELOW_ONE = number("a number from 0 to below 1", (value) => value >= 0 && value < 1);
const MOST_STEPS = 2 ** 31 - 1;

/**
 * The rule of each field by its dotted path; "group" for an object of fields. The form, the command
 * line and a config file are all checked by this table.
 */
export const CONFIG_FIELDS: Readonly<Record<string, FieldRule | "group">> = {
  engine: choice("onnxruntime", "tensorflow"),
  data: {
    allowed: '"digits" or the path of a data set',
    valid: (value) => typeof value === "string" && value !== "",
  },
  dataOptions: "group",
  ...DATA_FIELDS,
  inputScaling: choice("none", "standardize", "range"),
  split: "group",
  "split.train": number("a number above 0, at most 1", (value) => value > 0 && value <= 1),
  "split.validation": number("a number above 0, below 1", (value) => value > 0 && value < 1),
  "split.test": BELOW_ONE,
  seed: whole(0, 2 ** 32 - 1),
  weights: choice("fresh", "keep"),
  passes: {
    allowed: "a list of { pass, sites, options }",
    valid: (value) => Array.isArray(value) && value.every(isPassStep),
  },
  loss: choice(
    "cross-entropy",
    "binary-cross-entropy",
    "mean-squared-error",
    "mean-absolute-error",
    "huber",
    "kl-divergence",
  ),
  lossOptions: "group",
  "lossOptions.labelSmoothing": BELOW_ONE,
  "lossOptions.classWeights": {
    allowed: '"none", "balanced" or a list of numbers above 0',
    valid: (value) =>
      value === "none" ||
      value === "balanced" ||
      (Array.isArray(value) && value.length > 0 && value.every((weight) => POSITIVE.valid(weight))),
  },
  "lossOptions.huberDelta": POSITIVE,
  batchSize: whole(1, 2 ** 20),
  maxEpochs: whole(1, MOST_STEPS),
  optimizer: "group",
  "optimizer.kind": choice("sgd", "rmsprop", "adagrad", "adam", "adamw", "lamb"),
  "optimizer.learningRate": POSITIVE,
  "optimizer.momentum": BELOW_ONE,
  "optimizer.nesterov": YES_NO,
  "optimizer.alpha": BELOW_ONE,
  "optimizer.centered": YES_NO,
  "optimizer.rmspropMomentum": BELOW_ONE,
  "optimizer.initialAccumulator": NOT_NEGATIVE,
  "optimizer.beta1": BELOW_ONE,
  "optimizer.beta2": BELOW_ONE,
  "optimizer.epsilon": POSITIVE,
  "optimizer.weightDecay": NOT_NEGATIVE,
  schedule: "group",
  "schedule.kind": choice("constant", "step", "exponential", "cosine", "one-cycle", "plateau"),
  "schedule.factor": number("a number above 0, below 1", (value) => value > 0 && value < 1),
  "schedule.everyEpochs": whole(1, MOST_STEPS),
  "schedule.epochFactor": number("a number above 0, at most 1", (value) => value > 0 && value <= 1),
  "schedule.minimum": NOT_NEGATIVE,
  "schedule.peakAt": number("a number above 0, below 1", (value) => value > 0 && value < 1),
  "schedule.startDivisor": number("a number from 1", (value) => value >= 1),
  "schedule.endDivisor": number("a number from 1", (value) => value >= 1),
  "schedule.patience": whole(0, MOST_STEPS),
  "schedule.threshold": BELOW_ONE,
  "schedule.cooldown": whole(0, MOST_STEPS),
  "schedule.warmUpEpochs": whole(0, MOST_STEPS),
  "schedule.warmUpStart": number("a number from 0 to 1", (value) => value >= 0 && value <= 1),
  gradientClipping: "group",
  "gradientClipping.norm": NOT_NEGATIVE,
  "gradientClipping.value": NOT_NEGATIVE,
  accumulateBatches: whole(1, 2 ** 20),
  frozen: "group",
  "frozen.names": {
    allowed: "a list of names",
    valid: (value) => Array.isArray(value) && value.every((name) => isText(name) && name !== ""),
  },
  "frozen.updateStatistics": YES_NO,
  decayedParameters: choice("weights", "all"),
  l2: NOT_NEGATIVE,
  l1: NOT_NEGATIVE,
  labelNoise: number("a number from 0 to 1", (value) => value >= 0 && value <= 1),
  maxNorm: "group",
  "maxNorm.limit": NOT_NEGATIVE,
  earlyStopping: "group",
  "earlyStopping.enabled": YES_NO,
  "earlyStopping.rule": choice(
    "normlens",
    "keras",
    "lightning",
    "tfjs",
    "sklearn-mlp",
    "sklearn-sgd",
  ),
  "earlyStopping.monitor": choice("validationLoss", "validationAccuracy"),
  "earlyStopping.direction": choice("min", "max"),
  "earlyStopping.patience": whole(0, MOST_STEPS),
  "earlyStopping.minDelta": NOT_NEGATIVE,
  "earlyStopping.baseline": ANY_NUMBER,
  "earlyStopping.startFrom": whole(1, MOST_STEPS),
  "earlyStopping.restoreBest": YES_NO,
  "earlyStopping.retrain": YES_NO,
  "earlyStopping.stoppingThreshold": ANY_NUMBER,
  "earlyStopping.divergenceThreshold": ANY_NUMBER,
  "earlyStopping.checkFinite": YES_NO,
  batchNorm: "group",
  "batchNorm.momentum": number("a number from 0 to 1", (value) => value >= 0 && value <= 1),
  "batchNorm.runningVariance": choice("unbiased", "population"),
  fromModel: "group",
  "fromModel.regularizers": YES_NO,
  "fromModel.constraints": YES_NO,
  "fromModel.batchNorm": YES_NO,
  "fromModel.trainable": YES_NO,
  intoModel: "group",
  "intoModel.constraints": YES_NO,
  "intoModel.regularizers": YES_NO,
  "intoModel.inputScaling": YES_NO,
  variationalDropout: "group",
  "variationalDropout.klWeight": NOT_NEGATIVE,
  "variationalDropout.warmUpEpochs": whole(0, MOST_STEPS),
  statistics: "group",
  "statistics.values": {
    allowed: '"auto" or a list of names',
    valid: (value) =>
      value === "auto" || (Array.isArray(value) && value.every((name) => typeof name === "string")),
  },
  "statistics.everySteps": whole(1, MOST_STEPS),
  "statistics.detailsEverySteps": whole(0, MOST_STEPS),
  "statistics.bins": whole(1, 1000),
  checkpoint: "group",
  "checkpoint.everyEpochs": whole(0, MOST_STEPS),
  "checkpoint.everySteps": whole(0, MOST_STEPS),
  "checkpoint.everySeconds": NOT_NEGATIVE,
  "checkpoint.leastSeconds": NOT_NEGATIVE,
  threads: whole(0, 1024),
};

/** Whether the pass exists and takes these options, the pass itself says. */
function isPassStep(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { pass, sites, options, ...others } = value as Record<string, unknown>;
  const names = sites === undefined || (Array.isArray(sites) && sites.every(isText));
  const named = options === undefined || (typeof options === "object" && options !== null);
  return isText(pass) && names && named && Object.keys(others).length === 0;
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}
