import type { Field, Texts } from "./field.ts";

const sgd = (draft: Texts) => draft.optimizer === "sgd";
const rmsprop = (draft: Texts) => draft.optimizer === "rmsprop";
const adagrad = (draft: Texts) => draft.optimizer === "adagrad";
const decaying = ({ optimizer = "" }: Texts) => optimizer === "adamw" || optimizer === "lamb";
const adam = (draft: Texts) => draft.optimizer === "adam" || decaying(draft);

/** The optimizer and what goes with it. */
export const LEARNING_FIELDS = {
  optimizer: {
    section: "optimizer",
    label: "Optimizer",
    kind: "select",
    options: [
      ["adam", "Adam"],
      ["adamw", "AdamW"],
      ["lamb", "LAMB"],
      ["rmsprop", "RMSprop"],
      ["adagrad", "Adagrad"],
      ["sgd", "SGD"],
    ],
    help: "How a gradient becomes a step.",
  },
  learningRate: {
    section: "optimizer",
    label: "Learning rate",
    kind: "number",
    min: 0,
    openMin: true,
    help: "Size of a step; divide by 10 when the loss explodes.",
  },
  momentum: {
    section: "optimizer",
    label: "Momentum",
    kind: "number",
    min: 0,
    max: 1,
    openMax: true,
    shown: sgd,
    help: "Share of the last step carried on.",
  },
  nesterov: {
    section: "optimizer",
    label: "Nesterov",
    kind: "box",
    shown: sgd,
    help: "Steps from where the momentum will lead.",
  },
  alpha: {
    section: "optimizer",
    label: "Alpha",
    kind: "number",
    min: 0,
    max: 1,
    openMax: true,
    shown: rmsprop,
    help: "Memory of the squared gradient.",
  },
  rmspropMomentum: {
    section: "optimizer",
    label: "Momentum",
    kind: "number",
    min: 0,
    max: 1,
    openMax: true,
    shown: rmsprop,
    help: "Share of the last step carried on; 0 is off.",
  },
  centered: {
    section: "optimizer",
    label: "Centered",
    kind: "box",
    shown: rmsprop,
    help: "Divides by the deviation from the mean gradient.",
  },
  initialAccumulator: {
    section: "optimizer",
    label: "Accumulator at first",
    kind: "number",
    min: 0,
    shown: adagrad,
    help: "Where the sum of squared gradients starts.",
  },
  beta1: {
    section: "optimizer",
    label: "Beta 1",
    kind: "number",
    min: 0,
    max: 1,
    openMax: true,
    shown: adam,
    help: "Memory of the mean gradient.",
  },
  beta2: {
    section: "optimizer",
    label: "Beta 2",
    kind: "number",
    min: 0,
    max: 1,
    openMax: true,
    shown: adam,
    help: "Memory of the squared gradient.",
  },
  epsilon: {
    section: "optimizer",
    label: "Epsilon",
    kind: "number",
    min: 0,
    openMin: true,
    shown: (draft) => !sgd(draft),
    help: "Keeps the division finite.",
  },
  weightDecay: {
    section: "optimizer",
    label: "Weight decay",
    kind: "number",
    min: 0,
    shown: decaying,
    help: "Decoupled: w ← w − rate · decay · w.",
  },
  decayedParameters: {
    section: "regularization",
    label: "Decay and L2 of",
    kind: "select",
    options: [
      ["weights", "Weights"],
      ["all", "Everything"],
    ],
    help: "Everything includes biases and BatchNorm’s scale and shift.",
  },
} as const satisfies Readonly<Record<string, Field>>;
