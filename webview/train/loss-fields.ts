import { type LossOption, lossHasOption } from "../../src/protocol/loss-options.ts";
import type { Field, Texts } from "./field.ts";

/** An option is shown where the chosen loss has it. */
const lossWith =
  (option: LossOption) =>
  ({ loss = "" }: Texts) =>
    lossHasOption(loss, option);

/** Losses of numbers, of which no answer is right or wrong. */
const WITHOUT_ACCURACY = ["mean-squared-error", "mean-absolute-error", "huber"];

export function hasAccuracy(loss: string): boolean {
  return !WITHOUT_ACCURACY.includes(loss);
}

/** The loss and its options. */
export const LOSS_FIELDS = {
  loss: {
    section: "training",
    label: "Loss",
    kind: "select",
    options: [
      ["cross-entropy", "Cross-entropy"],
      ["binary-cross-entropy", "Binary cross-entropy"],
      ["mean-squared-error", "Mean squared error"],
      ["mean-absolute-error", "Mean absolute error"],
      ["huber", "Huber"],
      ["kl-divergence", "KL divergence"],
    ],
    help: "Cross-entropy for classes, binary for yes or no, errors for numbers, KL for distributions.",
  },
  labelSmoothing: {
    section: "training",
    label: "Label smoothing",
    kind: "number",
    min: 0,
    max: 1,
    openMax: true,
    shown: lossWith("labelSmoothing"),
    help: "Share of each target that all classes get alike; 0 is off.",
  },
  classWeights: {
    section: "training",
    label: "Class weights",
    kind: "weights",
    shown: lossWith("classWeights"),
    help: "“none”, “balanced”, or a factor for each class between commas.",
  },
  huberDelta: {
    section: "training",
    label: "Huber delta",
    kind: "number",
    min: 0,
    openMin: true,
    shown: lossWith("huberDelta"),
    help: "Larger differences count linearly, not squared.",
  },
} as const satisfies Readonly<Record<string, Field>>;
