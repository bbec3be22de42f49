import { readFile } from "node:fs/promises";
import { InputError } from "../graph/input-error.ts";
import { DEFAULT_TRAINING_CONFIG } from "../protocol/default-training-config.ts";
import { EARLY_STOPPING_RULES, type RuleSpecificOption } from "../protocol/early-stopping-rules.ts";
import { lossHasOption } from "../protocol/loss-options.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { CONFIG_FIELDS } from "./config-fields.ts";
import { type Fields, isFields } from "./fields.ts";
import { LOSSES } from "./losses/table.ts";

/**
 * The options of a run: the defaults, over them the file's, over them the caller's.
 *
 * @param path a JSON file with a part of TrainingConfig; undefined for none.
 * @param overrides a further part, such as the options of a command line.
 */
export async function readTrainingConfig(
  path: string | undefined,
  overrides: unknown = {},
): Promise<TrainingConfig> {
  const known = DEFAULT_TRAINING_CONFIG;
  const merged = path === undefined ? known : mergeConfig(known, await readJson(path), path);
  return mergeConfig(merged, overrides);
}

/**
 * Puts a part of a configuration over a whole one.
 *
 * A monitor that comes without a direction brings its own: accuracy is to rise, loss to fall.
 *
 * @throws InputError naming the field, its value and what is allowed.
 */
export function mergeConfig(base: TrainingConfig, part: unknown, file?: string): TrainingConfig {
  const merged = mergeFields(
    base as unknown as Fields,
    part,
    "",
    file,
  ) as unknown as TrainingConfig;
  const given = isFields(part) && isFields(part.earlyStopping) ? part.earlyStopping : {};
  const { monitor } = merged.earlyStopping;
  const config: TrainingConfig =
    given.monitor === undefined || given.direction !== undefined
      ? merged
      : { ...merged, earlyStopping: { ...merged.earlyStopping, direction: DIRECTIONS[monitor] } };
  checkConfig(config, file);
  return config;
}

const DIRECTIONS = { validationLoss: "min", validationAccuracy: "max" } as const;

/** Every field's own rule, then those between fields; for configurations from whatever source. */
export function checkConfig(config: TrainingConfig, file?: string): void {
  mergeFields({}, config, "", file);
  const { split, earlyStopping, loss } = config;
  const whole = split.train + split.validation + split.test;
  if (Math.abs(whole - 1) > 1e-6) {
    throw new InputError(`split: train + validation + test is ${whole}; it must be 1`, file);
  }
  if (earlyStopping.direction !== DIRECTIONS[earlyStopping.monitor]) {
    throw new InputError(
      `earlyStopping.direction: "${earlyStopping.direction}" does not suit ${earlyStopping.monitor}; "${DIRECTIONS[earlyStopping.monitor]}" does`,
      file,
    );
  }
  if (!LOSSES[loss].accuracy && earlyStopping.monitor === "validationAccuracy") {
    throw new InputError(
      `earlyStopping.monitor: "validationAccuracy" does not exist with loss "${loss}"; "validationLoss" does`,
      file,
    );
  }
  checkRuleOptions(config, file);
  checkLossOptions(config, file);
  const { schedule, optimizer } = config;
  const lowered = schedule.kind === "cosine" || schedule.kind === "plateau";
  if (lowered && schedule.minimum > optimizer.learningRate) {
    throw new InputError(
      `schedule.minimum: ${schedule.minimum} is above optimizer.learningRate ${optimizer.learningRate}, which it is to end`,
      file,
    );
  }
  const { kind, nesterov, momentum } = optimizer;
  if (kind === "sgd" && nesterov && momentum === 0) {
    throw new InputError(
      "optimizer.nesterov: true looks ahead along the momentum, which is 0; optimizer.momentum above 0 is needed",
      file,
    );
  }
}

/** @throws InputError for an option that the rule of early stopping would not notice. */
function checkRuleOptions({ earlyStopping }: TrainingConfig, file: string | undefined): void {
  const { rule, patience } = earlyStopping;
  const unused: Readonly<Record<RuleSpecificOption, number | undefined>> = {
    minDelta: 0,
    baseline: undefined,
    startFrom: 1,
    stoppingThreshold: undefined,
    divergenceThreshold: undefined,
  };
  for (const name of Object.keys(unused) as RuleSpecificOption[]) {
    const value = earlyStopping[name];
    if (EARLY_STOPPING_RULES[rule].includes(name) || value === unused[name]) continue;
    throw new InputError(
      `earlyStopping.${name}: ${value} has no meaning with rule "${rule}"; leave it out`,
      file,
    );
  }
  if (rule.startsWith("sklearn") && patience === 0) {
    throw new InputError(
      `earlyStopping.patience: 0 is not allowed with rule "${rule}"; a whole number from 1 is`,
      file,
    );
  }
}

/** @throws InputError for an option that the loss would not notice. */
function checkLossOptions({ loss, lossOptions }: TrainingConfig, file: string | undefined): void {
  const { labelSmoothing, classWeights } = lossOptions;
  if (labelSmoothing > 0 && !lossHasOption(loss, "labelSmoothing")) {
    throw new InputError(
      `lossOptions.labelSmoothing: ${labelSmoothing} has no meaning with loss "${loss}"; 0 does`,
      file,
    );
  }
  if (classWeights !== "none" && !lossHasOption(loss, "classWeights")) {
    throw new InputError(
      `lossOptions.classWeights: has no meaning with loss "${loss}"; "none" does`,
      file,
    );
  }
}

function mergeFields(base: Fields, part: unknown, path: string, file: string | undefined): Fields {
  if (!isFields(part)) {
    throw new InputError(`${path || "config"}: ${show(part)} is not an object with fields`, file);
  }
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(part)) {
    if (value === undefined) continue;
    const field = path === "" ? name : `${path}.${name}`;
    const rule = CONFIG_FIELDS[field];
    if (rule === "group") {
      merged[name] = mergeFields((base[name] ?? {}) as Fields, value, field, file);
      continue;
    }
    if (rule === undefined) {
      throw new InputError(`${field}: no such field; there are ${siblings(path)}`, file);
    }
    if (!rule.valid(value)) {
      throw new InputError(`${field}: ${show(value)} is not allowed; ${rule.allowed} is`, file);
    }
    merged[name] = value;
  }
  return merged;
}

function siblings(path: string): string {
  const depth = path === "" ? 1 : 2;
  const names = Object.keys(CONFIG_FIELDS).filter(
    (field) => field.split(".").length === depth && (path === "" || field.startsWith(`${path}.`)),
  );
  return names.join(", ");
}

function show(value: unknown): string {
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new InputError(
      error.code === "ENOENT" ? "no such file" : `cannot be read: ${error.message}`,
      path,
    );
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`is not JSON: ${error instanceof Error ? error.message : error}`, path);
  }
}
