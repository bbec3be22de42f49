import { DATA_FIELDS } from "./data-fields.ts";
import type { Field } from "./field.ts";
import { LEARNING_FIELDS } from "./learning-fields.ts";
import { LOSS_FIELDS } from "./loss-fields.ts";
import { SCHEDULE_FIELDS } from "./schedule-fields.ts";
import { STOPPING_FIELDS } from "./stopping-fields.ts";

/** The form as data: one entry a field, in the order shown. */

/** What the form holds: the text of every field, right or wrong; "true" and "false" for a box. */
export type Draft = Readonly<Record<FieldId, string>>;

export type FieldId = keyof typeof FIELDS;

export const FIELDS = {
  data: {
    section: "data",
    label: "Data set",
    kind: "data",
    help: "“digits” is the built-in set of 1,797 handwritten digits; or choose a file or folder.",
  },
  ...DATA_FIELDS,
  split: {
    section: "data",
    label: "Split",
    kind: "split",
    help: "Percent for training / validation / test.",
  },
  seed: {
    section: "data",
    label: "Seed",
    kind: "integer",
    min: 0,
    help: "The same seed gives the same run.",
  },
  weights: {
    section: "data",
    label: "Weights",
    kind: "select",
    options: [
      ["fresh", "Start fresh"],
      ["keep", "Go on from the file"],
    ],
    help: "New random weights, or those in the file.",
  },
  ...LOSS_FIELDS,
  batchSize: {
    section: "training",
    label: "Batch size",
    kind: "integer",
    min: 1,
    help: "Samples per step; BatchNorm wants at least 2.",
  },
  maxEpochs: {
    section: "training",
    label: "Epochs at most",
    kind: "integer",
    min: 1,
    help: "Early stopping may end sooner.",
  },
  ...LEARNING_FIELDS,
  ...SCHEDULE_FIELDS,
  l2: {
    section: "regularization",
    label: "L2",
    kind: "number",
    min: 0,
    help: "Adds ½ · L2 · Σw² to the loss; not on biases or BatchNorm.",
  },
  l1: {
    section: "regularization",
    label: "L1",
    kind: "number",
    min: 0,
    help: "Adds L1 · Σ|w| to the loss; on the same weights.",
  },
  maxNorm: {
    section: "regularization",
    label: "Max-norm",
    kind: "number",
    min: 0,
    help: "Longest weight vector of a unit after each step; 0 is off.",
  },
  klWeight: {
    section: "regularization",
    label: "Variational weight",
    kind: "number",
    min: 0,
    help: "Factor of the divergence; only for models with variational dropout.",
  },
  warmUpEpochs: {
    section: "regularization",
    label: "Variational warm-up",
    kind: "integer",
    min: 0,
    help: "Epochs over which that weight grows from 0.",
  },
  batchNormMomentum: {
    section: "regularization",
    label: "BatchNorm momentum",
    kind: "number",
    min: 0,
    max: 1,
    openMin: true,
    help: "new = (1 − momentum) · old + momentum · batch.",
  },
  runningVariance: {
    section: "regularization",
    label: "Running variance",
    kind: "select",
    options: [
      ["unbiased", "Unbiased, as PyTorch"],
      ["population", "Population, as ONNX"],
    ],
    help: "Divides by N − 1 or by N.",
  },
  modelRegularizers: {
    section: "regularization",
    label: "Model's regularizers",
    kind: "box",
    help: "Uses the l1 and l2 that layers of Keras and TensorFlow.js state.",
  },
  modelConstraints: {
    section: "regularization",
    label: "Model's constraints",
    kind: "box",
    help: "Uses the max_norm and its like that such layers state.",
  },
  modelBatchNorm: {
    section: "regularization",
    label: "Model's BatchNorm momentum",
    kind: "box",
    help: "Takes each such layer's own momentum in place of the one above.",
  },
  modelTrainable: {
    section: "regularization",
    label: "Model's frozen layers",
    kind: "box",
    help: "Leaves layers alone that such a model states trainable: false for.",
  },
  keepConstraints: {
    section: "regularization",
    label: "Keep max-norm in the model",
    kind: "box",
    help: "States the limit as each layer's own constraint, for training elsewhere.",
  },
  keepRegularizers: {
    section: "regularization",
    label: "Keep L1 and L2 in the model",
    kind: "box",
    help: "States them as each layer's own regularizer, in Keras' form without ½.",
  },
  keepScaling: {
    section: "regularization",
    label: "Keep input scaling in the model",
    kind: "box",
    help: "Puts the scaling in front of the model, which then takes raw samples; ONNX only.",
  },
  ...STOPPING_FIELDS,
  values: {
    section: "watching",
    label: "Values",
    kind: "text",
    help: "Names between commas; “auto” takes what enters the nonlinearities.",
  },
  everySteps: {
    section: "watching",
    label: "Percentiles every",
    kind: "integer",
    min: 1,
    help: "Steps between two measurements.",
  },
  detailsEverySteps: {
    section: "watching",
    label: "Gradients every",
    kind: "integer",
    min: 0,
    help: "Steps between two measurements of gradient norms and update ratios; 0 is never.",
  },
  bins: {
    section: "watching",
    label: "Bins",
    kind: "integer",
    min: 2,
    max: 500,
    help: "Bins of the activation histograms.",
  },
  checkpointEpochs: {
    section: "machine",
    label: "Checkpoint every (epochs)",
    kind: "integer",
    min: 0,
    help: "A run that was cut off goes on from its last checkpoint; 0 is never.",
  },
  checkpointSteps: {
    section: "machine",
    label: "Checkpoint every (steps)",
    kind: "integer",
    min: 0,
    help: "For long epochs; 0 is never.",
  },
  checkpointLate: {
    section: "machine",
    label: "Checkpoint every (seconds)",
    kind: "number",
    min: 0,
    help: "In an epoch that takes longer; 0 is never.",
  },
  checkpointSeconds: {
    section: "machine",
    label: "Seconds between two",
    kind: "number",
    min: 0,
    help: "Checkpoints that come sooner are left out.",
  },
  engine: {
    section: "machine",
    label: "Engine",
    kind: "select",
    options: [
      ["onnxruntime", "ONNX Runtime"],
      ["tensorflow", "TensorFlow"],
    ],
    help: "TensorFlow trains layers models of TF.js and Keras; “NormLens: Install TensorFlow Engine” installs it.",
  },
  threads: {
    section: "machine",
    label: "Threads",
    kind: "integer",
    min: 0,
    max: 256,
    help: "0 lets the runtime decide.",
  },
} as const satisfies Readonly<Record<string, Field>>;

export const FIELD_IDS = Object.keys(FIELDS) as FieldId[];

export function fieldOf(id: FieldId): Field {
  return FIELDS[id];
}

export function isShown(id: FieldId, draft: Draft): boolean {
  return fieldOf(id).shown?.(draft) ?? true;
}
