import type { RuleSpecificOption } from "../../src/protocol/early-stopping-rules.ts";
import type { EarlyStoppingConfig } from "../../src/protocol/training.ts";
import { hasOption, type STOPPING_FIELDS } from "./stopping-fields.ts";

type StoppingDraft = Readonly<Record<keyof typeof STOPPING_FIELDS, string>>;

export function stoppingDraft(stopping: EarlyStoppingConfig): StoppingDraft {
  const optional = (value: number | undefined) => (value === undefined ? "" : String(value));
  return {
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
  };
}

/**
 * Only for texts that have been checked. What the rule does not have is left out, also where another
 * rule had it before.
 */
export function stoppingConfig(draft: StoppingDraft): EarlyStoppingConfig {
  const monitor = draft.monitor as EarlyStoppingConfig["monitor"];
  const has = (option: RuleSpecificOption) => hasOption(draft.stoppingRule, option);
  const optional = (name: "baseline" | "stoppingThreshold" | "divergenceThreshold") =>
    has(name) && draft[name].trim() !== "" ? { [name]: Number(draft[name]) } : {};
  return {
    enabled: draft.earlyStopping === "true",
    rule: draft.stoppingRule as EarlyStoppingConfig["rule"],
    monitor,
    direction: monitor === "validationLoss" ? "min" : "max",
    patience: Number(draft.patience),
    minDelta: Number(draft.minDelta),
    startFrom: has("startFrom") ? Number(draft.startFrom) : 1,
    ...optional("baseline"),
    ...optional("stoppingThreshold"),
    ...optional("divergenceThreshold"),
    restoreBest: draft.restoreBest === "true",
    retrain: draft.retrain === "true",
    checkFinite: draft.checkFinite === "true",
  };
}
