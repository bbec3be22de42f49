import type { TrainingConfig } from "../../src/protocol/training.ts";
import type { Field } from "./field.ts";
import { learningConfig, learningDraft } from "./learning-draft.ts";
import { lossConfig, lossDraft, weightsError } from "./loss-draft.ts";
import { hasAccuracy } from "./loss-fields.ts";
import { scheduleConfig, scheduleDraft } from "./schedule-draft.ts";
import {
  type Draft,
  FIELD_IDS,
  type FieldId,
  fieldOf,
  hasOption,
  isShown,
} from "./setup-fields.ts";

/** From a configuration to the form's texts, and back with a sentence for each wrong one. */

export type DraftErrors = Readonly<Partial<Record<FieldId, string>>>;

export type Checked =
  | { readonly ok: true; readonly config: TrainingConfig }
  | { readonly ok: false; readonly errors: DraftErrors };

export function draftOf(config: TrainingConfig): Draft {
  const { split, earlyStopping: stopping, batchNorm, statistics } = config;
  const percent = (share: number) => String(Number((share * 100).toPrecision(10)));
  const optional = (value: number | undefined) => (value === undefined ? "" : String(value));
  return {
    data: config.data,
    split: [split.train, split.validation, split.test].map(percent).join(" / "),
    seed: String(config.seed),
    weights: config.weights,
    ...lossDraft(config),
    batchSize: String(config.batchSize),
    maxEpochs: String(config.maxEpochs),
    ...learningDraft(config),
    ...scheduleDraft(config.schedule),
    l2: String(config.l2),
    l1: String(config.l1),
    maxNorm: String(config.maxNorm.limit),
    klWeight: String(config.variationalDropout.klWeight),
    warmUpEpochs: String(config.variationalDropout.warmUpEpochs),
    batchNormMomentum: String(batchNorm.momentum),
    runningVariance: batchNorm.runningVariance,
    earlyStopping: String(stopping.enabled),
    stoppingRule: stopping.rule,
    monitor: stopping.monitor,
    patience: String(stopping.patience),
    minDelta: String(stopping.minDelta),
    startFrom: String(stopping.startFrom),
    baseline: optional(stopping.baseline),
    stoppingThreshold: optional(stopping.stoppingThreshold),
    divergenceThreshold: optional(stopping.divergenceThreshold),
    restoreBest: String(stopping.restoreBest),
    retrain: String(stopping.retrain),
    checkFinite: String(stopping.checkFinite),
    values: statistics.values === "auto" ? "auto" : statistics.values.join(", "),
    everySteps: String(statistics.everySteps),
    detailsEverySteps: String(statistics.detailsEverySteps),
    bins: String(statistics.bins),
    checkpointEpochs: String(config.checkpoint.everyEpochs),
    checkpointSteps: String(config.checkpoint.everySteps),
    checkpointSeconds: String(config.checkpoint.leastSeconds),
    threads: String(config.threads),
  };
}

/**
 * A hidden field keeps what it had in the base configuration, whatever its text says; so do the
 * passes, which pass-draft.ts checks.
 */
export function checkDraft(draft: Draft, base: TrainingConfig): Checked {
  const errors: Partial<Record<FieldId, string>> = {};
  for (const id of FIELD_IDS) {
    const error = isShown(id, draft) ? fieldError(fieldOf(id), draft[id]) : undefined;
    if (error !== undefined) errors[id] = error;
  }
  if (
    draft.monitor === "validationAccuracy" &&
    !hasAccuracy(draft.loss) &&
    isShown("monitor", draft)
  ) {
    errors.monitor = "This loss has no accuracy; watch the loss.";
  }
  if (draft.optimizer === "sgd" && draft.nesterov === "true" && Number(draft.momentum) === 0) {
    errors.nesterov = "Looks ahead along the momentum, which must be above 0.";
  }
  if (draft.stoppingRule.startsWith("sklearn") && draft.patience.trim() === "0") {
    errors.patience ??= "scikit-learn's rules take 1 or more.";
  }
  if (isShown("minimum", draft) && Number(draft.minimum) > Number(draft.learningRate)) {
    errors.minimum ??= "Must not be above the learning rate.";
  }
  if (Object.keys(errors).length > 0) return { ok: false, errors };
  const known = draftOf(base);
  const texts = Object.fromEntries(
    FIELD_IDS.map((id) => [id, isShown(id, draft) ? draft[id] : known[id]]),
  ) as Draft;
  return { ok: true, config: configOf(texts, base.passes) };
}

function fieldError(field: Field, text: string): string | undefined {
  const trimmed = text.trim();
  switch (field.kind) {
    case "box":
    case "names":
      return undefined;
    case "select":
      return field.options?.some(([value]) => value === text)
        ? undefined
        : "Choose one of the list.";
    case "data":
      return trimmed === "" ? "Choose a data set, or write digits." : undefined;
    case "text":
      return trimmed === "" ? "Write auto, or names between commas." : undefined;
    case "weights":
      return weightsError(trimmed);
    case "split":
      return splitError(trimmed);
    case "optional":
      return trimmed === "" ? undefined : numberError(field, trimmed);
    case "integer":
    case "number":
      return numberError(field, trimmed);
  }
}

function numberError(field: Field, text: string): string | undefined {
  if (text === "") return "A number is missing.";
  if (/^[+-]?\d*,\d+$/.test(text)) return `Write ${text.replace(",", ".")} with a point.`;
  const value = Number(text);
  if (!Number.isFinite(value)) return `“${text}” is not a number.`;
  if (field.kind === "integer" && !Number.isSafeInteger(value)) return "Must be a whole number.";
  const { min, max, openMin = false, openMax = false } = field;
  if (min !== undefined && (openMin ? value <= min : value < min)) {
    return openMin ? `Must be larger than ${min}.` : `Must be ${min} or more.`;
  }
  if (max !== undefined && (openMax ? value >= max : value > max)) {
    return openMax ? `Must be smaller than ${max}.` : `Must be ${max} or less.`;
  }
  return undefined;
}

function splitError(text: string): string | undefined {
  const shares = splitShares(text);
  if (shares === undefined) return "Three percentages, for example 60 / 20 / 20.";
  const [train, validation, test] = shares;
  const sum = train + validation + test;
  if (Math.abs(sum - 100) > 1e-6) return `Adds up to ${Number(sum.toPrecision(6))}, not 100.`;
  if (train <= 0) return "Training needs a share.";
  return validation <= 0
    ? "Validation needs a share: early stopping and the curves use it."
    : undefined;
}

function splitShares(text: string): readonly [number, number, number] | undefined {
  const parts = text.split("/").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  const [train, validation, test] = parts;
  if (parts.length !== 3 || train === undefined || validation === undefined || test === undefined)
    return undefined;
  return parts.every((part) => part >= 0) ? [train, validation, test] : undefined;
}

/** Only for texts that have been checked. */
function configOf(draft: Draft, passes: TrainingConfig["passes"]): TrainingConfig {
  const [train, validation, test] = splitShares(draft.split) ?? [60, 20, 20];
  const optional = <Name extends string>(name: Name, text: string) =>
    (text.trim() === "" ? {} : { [name]: Number(text) }) as { readonly [key in Name]?: number };
  const ruleOptional = (
    name: "baseline" | "stoppingThreshold" | "divergenceThreshold",
    text: string,
  ) => optional(name, hasOption(draft.stoppingRule, name) ? text : "");
  const values = draft.values
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  const monitor = draft.monitor as TrainingConfig["earlyStopping"]["monitor"];
  return {
    data: draft.data.trim(),
    split: { train: train / 100, validation: validation / 100, test: test / 100 },
    seed: Number(draft.seed),
    weights: draft.weights as TrainingConfig["weights"],
    passes,
    ...lossConfig(draft),
    batchSize: Number(draft.batchSize),
    maxEpochs: Number(draft.maxEpochs),
    ...learningConfig(draft),
    schedule: scheduleConfig(draft),
    l2: Number(draft.l2),
    l1: Number(draft.l1),
    maxNorm: { limit: Number(draft.maxNorm) },
    earlyStopping: {
      enabled: draft.earlyStopping === "true",
      rule: draft.stoppingRule as TrainingConfig["earlyStopping"]["rule"],
      monitor,
      direction: monitor === "validationLoss" ? "min" : "max",
      patience: Number(draft.patience),
      minDelta: Number(draft.minDelta),
      // What the rule does not have is left out, also where another rule had it before.
      startFrom: hasOption(draft.stoppingRule, "startFrom") ? Number(draft.startFrom) : 1,
      ...ruleOptional("baseline", draft.baseline),
      ...ruleOptional("stoppingThreshold", draft.stoppingThreshold),
      ...ruleOptional("divergenceThreshold", draft.divergenceThreshold),
      restoreBest: draft.restoreBest === "true",
      retrain: draft.retrain === "true",
      checkFinite: draft.checkFinite === "true",
    },
    batchNorm: {
      momentum: Number(draft.batchNormMomentum),
      runningVariance: draft.runningVariance as TrainingConfig["batchNorm"]["runningVariance"],
    },
    variationalDropout: {
      klWeight: Number(draft.klWeight),
      warmUpEpochs: Number(draft.warmUpEpochs),
    },
    statistics: {
      values: draft.values.trim() === "auto" ? "auto" : values,
      everySteps: Number(draft.everySteps),
      detailsEverySteps: Number(draft.detailsEverySteps),
      bins: Number(draft.bins),
    },
    checkpoint: {
      everyEpochs: Number(draft.checkpointEpochs),
      everySteps: Number(draft.checkpointSteps),
      leastSeconds: Number(draft.checkpointSeconds),
    },
    threads: Number(draft.threads),
  };
}
