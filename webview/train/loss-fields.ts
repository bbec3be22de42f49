import type { Field, Texts } from "./field.ts";

const smoothable = ({ loss = "" }: Texts) =>
  loss === "cross-entropy" || loss === "binary-cross-entropy";

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
    shown: smoothable,
    help: "Share of each target that all classes get alike; 0 is off.",
  },
  classWeights: {
    section: "training",
    label: "Class weights",
    kind: "weights",
    shown: ({ loss }) => loss === "cross-entropy",
    help: "“none”, “balanced”, or a factor for each class between commas.",
  },
  huberDelta: {
    section: "training",
    label: "Huber delta",
    kind: "number",
    min: 0,
    openMin: true,
    shown: ({ loss }) => loss === "huber",
    help: "Larger differences count linearly, not squared.",
  },
} as const satisfies Readonly<Record<string, Field>>;
