import type { Regularizer, WeightConstraint, WeightRules } from "../../graph/weight-rules.ts";
import type { Fields } from "./fields.ts";
import { isList, isObject, type Json, type JsonObject } from "./json.ts";
import type { Dialect } from "./layer-call.ts";
import type { WeightLayout } from "./weight-layout.ts";

/** TensorFlow.js takes this l1 where its config states l2 alone. */
const L1_OF_TFJS = 0.01;

/**
 * Constraint and regularizer of a weight from its layer's config: kernel_constraint and
 * kernel_regularizer of "kernel", depthwise_constraint of "depthwise_kernel". What is not known to us,
 * an own class for example, stays in the config and has no rule.
 */
export function weightRulesOf(
  fields: Fields,
  weight: string,
  stored: readonly number[],
  layout: WeightLayout,
  dialect: Dialect,
): WeightRules {
  const regularizer = regularizerOf(fields.value(ruleField(weight, "regularizer")), dialect);
  const constraint = constraintOf(fields.value(ruleField(weight, "constraint")), stored, layout);
  return {
    ...(regularizer === undefined ? {} : { regularizer }),
    ...(constraint === undefined ? {} : { constraint }),
  };
}

/** The field of a layer's config that states a rule of its weight: "kernel_constraint". */
export function ruleField(weight: string, rule: keyof WeightRules): string {
  return `${weight.replace(/(.)_kernel$/, "$1")}_${rule}`;
}

/** A regularizer of what a layer puts out; TensorFlow.js keeps the field and does nothing with it. */
export function activityRegularizerOf(fields: Fields, className: string, dialect: Dialect) {
  if (dialect === "tfjs") return undefined;
  if (className === "ActivityRegularization") return strengths(fields.config, dialect);
  return regularizerOf(fields.value("activity_regularizer"), dialect);
}

function regularizerOf(json: Json | undefined, dialect: Dialect): Regularizer | undefined {
  const { name, config } = classOf(json);
  // By its name alone Keras makes one of strength 0.01.
  const named = typeof json === "string" ? 0.01 : undefined;
  if (name === "l1") return { l1: numberIn(config, ["l1", "l"]) ?? named ?? 0.01, l2: 0 };
  if (name === "l2") return { l1: 0, l2: numberIn(config, ["l2", "l"]) ?? named ?? 0.01 };
  if (name !== "l1l2") return undefined;
  return named === undefined ? strengths(config, dialect) : { l1: named, l2: named };
}

function strengths(config: JsonObject, dialect: Dialect): Regularizer {
  const fallback = dialect === "tfjs" ? L1_OF_TFJS : 0;
  return {
    l1: numberIn(config, ["l1"]) ?? fallback,
    l2: numberIn(config, ["l2"]) ?? fallback,
  };
}

/** Keras' defaults of what a config leaves out: max_value 2, or 0 to 1 with rate 1; axis 0. */
function constraintOf(
  json: Json | undefined,
  stored: readonly number[],
  layout: WeightLayout,
): WeightConstraint | undefined {
  const { name, config } = classOf(json);
  const none = { axes: [], minimum: 0, maximum: 0, rate: 1 };
  if (name === "nonneg") return { ...none, kind: "non-negative" };
  const seen = axesIn(config.axis ?? 0, stored, layout);
  if (seen === undefined) return undefined;
  if (name === "unitnorm") return { ...none, kind: "unit-norm", ...seen };
  if (name === "maxnorm") {
    const maximum = numberIn(config, ["max_value", "m"]) ?? 2;
    return { ...none, kind: "max-norm", ...seen, maximum };
  }
  if (name !== "minmaxnorm") return undefined;
  const minimum = numberIn(config, ["min_value"]) ?? 0;
  const maximum = numberIn(config, ["max_value"]) ?? 1;
  const rate = numberIn(config, ["rate"]) ?? 1;
  return { kind: "min-max-norm", ...seen, minimum, maximum, rate };
}

/** The axes of the file in the graph's order; undefined where a layout does not tell them apart. */
export function axesIn(
  axis: Json,
  stored: readonly number[],
  { order, dims }: WeightLayout,
): Pick<WeightConstraint, "axes" | "view"> | undefined {
  const rank = stored.length;
  const listed = (isList(axis) ? axis : [axis]).map((each) =>
    Number(each) < 0 ? Number(each) + rank : Number(each),
  );
  const valid = listed.every((each) => Number.isSafeInteger(each) && each >= 0 && each < rank);
  if (!valid || order === undefined) return undefined;
  const moved = order(rank);
  const axes = listed.map((each) => moved.indexOf(each)).sort((a, b) => a - b);
  if (dims(stored).length === rank && dims(stored).every((n, i) => n === stored[moved[i] ?? 0])) {
    return { axes };
  }
  return { axes, view: moved.map((each) => stored[each] ?? 1) };
}

/** "MaxNorm", "max_norm" and {class_name: "MaxNorm"} are the same: in lower case, without marks. */
function classOf(json: Json | undefined): { name: string; config: JsonObject } {
  const stated = isObject(json) ? (json.class_name ?? null) : (json ?? null);
  const name = typeof stated === "string" ? stated.toLowerCase().replaceAll("_", "") : "";
  const last = name.slice(name.lastIndexOf(">") + 1);
  return { name: last, config: isObject(json) && isObject(json.config) ? json.config : {} };
}

function numberIn(config: JsonObject, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = config[name];
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  }
  return undefined;
}
