import type { TrainingConfig } from "../../src/protocol/training.ts";
import { dataConfig, dataDraft } from "./data-draft.ts";
import { fieldError } from "./field-error.ts";
import { learningConfig, learningDraft } from "./learning-draft.ts";
import { lossConfig, lossDraft } from "./loss-draft.ts";
import { hasAccuracy } from "./loss-fields.ts";
import { nameList, namesIn } from "./name-list.ts";
import { scheduleConfig, scheduleDraft } from "./schedule-draft.ts";
import { type Draft, FIELD_IDS, type FieldId, fieldOf, isShown } from "./setup-fields.ts";
import { splitConfig, splitDraft } from "./split-draft.ts";
import { stoppingConfig, stoppingDraft } from "./stopping-draft.ts";

/** From a configuration to the form's texts, and back with a sentence for each wrong one. */

export type DraftErrors = Readonly<Partial<Record<FieldId, string>>>;

export type Checked =
  | { readonly ok: true; readonly config: TrainingConfig }
  | { readonly ok: false; readonly errors: DraftErrors };

export function draftOf(config: TrainingConfig): Draft {
  const { batchNorm, statistics } = config;
  return {
    data: config.data,
    ...dataDraft(config),
    split: splitDraft(config.split),
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
    modelRegularizers: String(config.fromModel.regularizers),
    modelConstraints: String(config.fromModel.constraints),
    modelBatchNorm: String(config.fromModel.batchNorm),
    modelTrainable: String(config.fromModel.trainable),
    keepConstraints: String(config.intoModel.constraints),
    keepRegularizers: String(config.intoModel.regularizers),
    keepScaling: String(config.intoModel.inputScaling),
    ...stoppingDraft(config.earlyStopping),
    values: statistics.values === "auto" ? "auto" : nameList(statistics.values),
    everySteps: String(statistics.everySteps),
    detailsEverySteps: String(statistics.detailsEverySteps),
    bins: String(statistics.bins),
    checkpointEpochs: String(config.checkpoint.everyEpochs),
    checkpointSteps: String(config.checkpoint.everySteps),
    checkpointLate: String(config.checkpoint.everySeconds),
    checkpointSeconds: String(config.checkpoint.leastSeconds),
    engine: config.engine,
    threads: String(config.threads),
  };
}

/**
 * A hidden field keeps what it had in the base configuration, whatever its text says; so do the
 * passes, which pass-draft.ts checks.
 */
export function checkDraft(draft: Draft, base: TrainingConfig): Checked {
  const errors = { ...conflicts(draft), ...fieldErrors(draft) };
  if (Object.keys(errors).length > 0) return { ok: false, errors };
  const known = draftOf(base);
  const texts = Object.fromEntries(
    FIELD_IDS.map((id) => [id, isShown(id, draft) ? draft[id] : known[id]]),
  ) as Draft;
  return { ok: true, config: configOf(texts, base.passes) };
}

function fieldErrors(draft: Draft): DraftErrors {
  const errors: Partial<Record<FieldId, string>> = {};
  for (const id of FIELD_IDS) {
    const error = isShown(id, draft) ? fieldError(fieldOf(id), draft[id]) : undefined;
    if (error !== undefined) errors[id] = error;
  }
  return errors;
}

/** What each field takes by itself, but not beside the others. */
function conflicts(draft: Draft): DraftErrors {
  const errors: Partial<Record<FieldId, string>> = {};
  if (
    draft.monitor === "validationAccuracy" &&
    !hasAccuracy(draft.loss) &&
    isShown("monitor", draft)
  ) {
    errors.monitor = "This loss has no accuracy; watch the loss.";
  }
  if (isShown("white", draft) && Number(draft.black) === Number(draft.white)) {
    errors.white = "Must differ from black.";
  }
  if (draft.optimizer === "sgd" && draft.nesterov === "true" && Number(draft.momentum) === 0) {
    errors.nesterov = "Looks ahead along the momentum, which must be above 0.";
  }
  if (draft.stoppingRule.startsWith("sklearn") && draft.patience.trim() === "0") {
    errors.patience = "scikit-learn's rules take 1 or more.";
  }
  if (isShown("minimum", draft) && Number(draft.minimum) > Number(draft.learningRate)) {
    errors.minimum = "Must not be above the learning rate.";
  }
  return errors;
}

/** Only for texts that have been checked. */
function configOf(draft: Draft, passes: TrainingConfig["passes"]): TrainingConfig {
  return {
    data: draft.data.trim(),
    ...dataConfig(draft),
    split: splitConfig(draft.split),
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
    earlyStopping: stoppingConfig(draft),
    batchNorm: {
      momentum: Number(draft.batchNormMomentum),
      runningVariance: draft.runningVariance as TrainingConfig["batchNorm"]["runningVariance"],
    },
    fromModel: {
      regularizers: draft.modelRegularizers === "true",
      constraints: draft.modelConstraints === "true",
      batchNorm: draft.modelBatchNorm === "true",
      trainable: draft.modelTrainable === "true",
    },
    intoModel: {
      constraints: draft.keepConstraints === "true",
      regularizers: draft.keepRegularizers === "true",
      inputScaling: draft.keepScaling === "true",
    },
    variationalDropout: {
      klWeight: Number(draft.klWeight),
      warmUpEpochs: Number(draft.warmUpEpochs),
    },
    statistics: {
      values: draft.values.trim() === "auto" ? "auto" : namesIn(draft.values),
      everySteps: Number(draft.everySteps),
      detailsEverySteps: Number(draft.detailsEverySteps),
      bins: Number(draft.bins),
    },
    checkpoint: {
      everyEpochs: Number(draft.checkpointEpochs),
      everySteps: Number(draft.checkpointSteps),
      everySeconds: Number(draft.checkpointLate),
      leastSeconds: Number(draft.checkpointSeconds),
    },
    engine: draft.engine as TrainingConfig["engine"],
    threads: Number(draft.threads),
  };
}
