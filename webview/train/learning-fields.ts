import type { Field, Texts } from "./field.ts";

const sgd = (draft: Texts) => draft.optimizer === "sgd";
const adam = (draft: Texts) => draft.optimizer !== "sgd";
const adamw = (draft: Texts) => draft.optimizer === "adamw";

/** The optimizer and what goes with it. */
export const LEARNING_FIELDS = {
  optimizer: {
    section: "optimizer",
    label: "Optimizer",
    kind: "select",
    options: [
      ["adam", "Adam"],
      ["adamw", "AdamW"],
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
    shown: adam,
    help: "Keeps the division finite.",
  },
  weightDecay: {
    section: "optimizer",
    label: "Weight decay",
    kind: "number",
    min: 0,
    shown: adamw,
    help: "Decoupled: w ← w − rate · decay · w.",
  },
} as const satisfies Readonly<Record<string, Field>>;
