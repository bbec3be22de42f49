import {
  EARLY_STOPPING_RULES,
  type RuleSpecificOption,
} from "../../src/protocol/early-stopping-rules.ts";
import type { Field, Texts } from "./field.ts";

const stopping = (draft: Texts) => draft.earlyStopping === "true";

/** An option is shown where the chosen rule has it. */
const stoppingWith = (option: RuleSpecificOption) => (draft: Texts) =>
  stopping(draft) && hasOption(draft.stoppingRule ?? "", option);

/** Whether a rule of early stopping has an option. */
export function hasOption(rule: string, option: RuleSpecificOption): boolean {
  const options: Readonly<Record<string, readonly RuleSpecificOption[]>> = EARLY_STOPPING_RULES;
  return options[rule]?.includes(option) ?? false;
}

/** When a run ends before its last epoch. */
export const STOPPING_FIELDS = {
  earlyStopping: {
    section: "earlyStopping",
    label: "Stop early",
    kind: "box",
    help: "Ends when validation no longer improves.",
  },
  stoppingRule: {
    section: "earlyStopping",
    label: "Rule",
    kind: "select",
    options: [
      ["normlens", "NormLens"],
      ["keras", "Keras"],
      ["lightning", "Lightning"],
      ["tfjs", "TensorFlow.js"],
      ["sklearn-mlp", "scikit-learn MLP"],
      ["sklearn-sgd", "scikit-learn SGD"],
    ],
    shown: stopping,
    help: "Stops where that framework would stop.",
  },
  monitor: {
    section: "earlyStopping",
    label: "Watch",
    kind: "select",
    options: [
      ["validationLoss", "Validation loss"],
      ["validationAccuracy", "Validation accuracy"],
    ],
    shown: stopping,
    help: "Loss should fall, accuracy should rise.",
  },
  patience: {
    section: "earlyStopping",
    label: "Patience",
    kind: "integer",
    min: 0,
    shown: stopping,
    help: "Validation checks (one an epoch) without improvement before stopping.",
  },
  minDelta: {
    section: "earlyStopping",
    label: "Smallest change",
    kind: "number",
    min: 0,
    shown: stoppingWith("minDelta"),
    help: "Only a larger change is an improvement.",
  },
  startFrom: {
    section: "earlyStopping",
    label: "Start from epoch",
    kind: "integer",
    min: 1,
    shown: stoppingWith("startFrom"),
    help: "Earlier epochs are not judged.",
  },
  baseline: {
    section: "earlyStopping",
    label: "Baseline",
    kind: "optional",
    shown: stoppingWith("baseline"),
    help: "Must be beaten first; empty for none.",
  },
  stoppingThreshold: {
    section: "earlyStopping",
    label: "Good enough at",
    kind: "optional",
    shown: stoppingWith("stoppingThreshold"),
    help: "Stops as soon as this is reached; empty for never.",
  },
  divergenceThreshold: {
    section: "earlyStopping",
    label: "Hopeless at",
    kind: "optional",
    shown: stoppingWith("divergenceThreshold"),
    help: "Stops as soon as it is worse; empty for never.",
  },
  restoreBest: {
    section: "earlyStopping",
    label: "Restore the best weights",
    kind: "box",
    shown: stopping,
    help: "Ends with the best epoch’s weights, not the last’s.",
  },
  retrain: {
    section: "earlyStopping",
    label: "Train again with validation",
    kind: "box",
    shown: stopping,
    help: "From the start, on training and validation samples, for the best epoch’s number of steps.",
  },
  checkFinite: {
    section: "earlyStopping",
    label: "Stop at NaN or infinity",
    kind: "box",
    shown: stopping,
    help: "Such a run does not recover.",
  },
} as const satisfies Readonly<Record<string, Field>>;
