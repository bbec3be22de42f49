import type { EarlyStoppingConfig, StopReason } from "../protocol/training.ts";
import {
  EARLY_STOPPING_PRESETS,
  type RuleName,
  type RuleOptions,
  type RuleState,
  type RuleStop,
} from "./early-stopping-presets.ts";

/**
 * Early stopping as a value: a check takes the state and a metric and gives the next state. No
 * model, no clock, no file.
 *
 * An epoch improves when its metric beats the reference by more than minDelta (min:
 * metric + minDelta < reference); the reference is the metric of the last improvement, before the
 * first one the baseline, without a baseline anything finite. After `patience` checks without
 * improvement training stops. NaN never improves.
 *
 * The weights worth keeping are those of the best metric outright, also where the gain was within
 * minDelta or short of the baseline: those two say when to give up, not what is better.
 */
export interface EarlyStoppingState {
  /** What the next metric has to beat. */
  readonly reference: number;
  /** Checks since the last improvement. */
  readonly wait: number;
  /** 1-based; 0 while no epoch is worth keeping. */
  readonly bestEpoch: number;
  readonly bestMetric: number;
  /** Of a framework's rule, where config.rule is one. */
  readonly rule?: RuleState;
}

export interface EarlyStoppingVerdict {
  readonly state: EarlyStoppingState;
  /** This epoch's weights are the ones to keep. */
  readonly best: boolean;
  readonly stop?: Extract<StopReason, "earlyStopping" | "stoppingThreshold" | "diverged">;
}

export function startEarlyStopping(config: EarlyStoppingConfig): EarlyStoppingState {
  const worst = worstMetric(config);
  return { reference: config.baseline ?? worst, wait: 0, bestEpoch: 0, bestMetric: worst };
}

/** @param epoch 1-based. */
export function checkEpoch(
  state: EarlyStoppingState,
  config: EarlyStoppingConfig,
  epoch: number,
  metric: number,
): EarlyStoppingVerdict {
  if (config.checkFinite && !Number.isFinite(metric))
    return { state, best: false, stop: "diverged" };
  if (config.rule !== "normlens") return checkByPreset(state, config, config.rule, epoch, metric);
  if (epoch < config.startFrom) {
    // Nothing is compared yet, and the newest weights are all there is.
    return { state: { ...state, bestEpoch: epoch }, best: true };
  }
  const best = isBetter(config, metric, state.bestMetric);
  const improved = isBetter(config, metric, state.reference, config.minDelta);
  const next: EarlyStoppingState = {
    reference: improved ? metric : state.reference,
    wait: improved ? 0 : state.wait + 1,
    bestEpoch: best ? epoch : state.bestEpoch,
    bestMetric: best ? metric : state.bestMetric,
  };
  const stop = config.enabled ? reasonToStop(next, config, metric, improved) : undefined;
  return stop === undefined ? { state: next, best } : { state: next, best, stop };
}

const STOPS: Readonly<Record<RuleStop, NonNullable<EarlyStoppingVerdict["stop"]>>> = {
  patience: "earlyStopping",
  threshold: "stoppingThreshold",
  divergence: "diverged",
  "not-finite": "diverged",
};

/** As the framework's own rule decides; which weights the run ends with is config.restoreBest's. */
function checkByPreset(
  state: EarlyStoppingState,
  config: EarlyStoppingConfig,
  name: RuleName,
  epoch: number,
  metric: number,
): EarlyStoppingVerdict {
  const { startFrom, baseline, stoppingThreshold, divergenceThreshold } = config;
  const options: RuleOptions = {
    mode: config.direction,
    patience: config.patience,
    minDelta: config.minDelta,
    // The frameworks count epochs from 0.
    startFrom: startFrom - 1,
    checkFinite: config.checkFinite,
    ...(baseline === undefined ? {} : { baseline }),
    ...(stoppingThreshold === undefined ? {} : { stoppingThreshold }),
    ...(divergenceThreshold === undefined ? {} : { divergenceThreshold }),
  };
  const rule = EARLY_STOPPING_PRESETS[name](options, state.rule);
  const reason = rule.check(epoch - 1, metric);
  // Before the rule looks, the newest weights are all there is.
  const best = rule.bestEpoch === epoch - 1 || epoch < startFrom;
  const next: EarlyStoppingState = {
    reference: rule.bestMetric,
    wait: rule.state.wait,
    bestEpoch: best ? epoch : state.bestEpoch,
    bestMetric: rule.bestMetric,
    rule: rule.state,
  };
  const stop = reason === undefined || !config.enabled ? undefined : STOPS[reason];
  return stop === undefined ? { state: next, best } : { state: next, best, stop };
}

function reasonToStop(
  state: EarlyStoppingState,
  config: EarlyStoppingConfig,
  metric: number,
  improved: boolean,
): EarlyStoppingVerdict["stop"] {
  const { stoppingThreshold, divergenceThreshold } = config;
  if (stoppingThreshold !== undefined && !isBetter(config, stoppingThreshold, metric)) {
    if (!Number.isNaN(metric)) return "stoppingThreshold";
  }
  if (divergenceThreshold !== undefined && isBetter(config, divergenceThreshold, metric)) {
    return "diverged";
  }
  return !improved && state.wait >= config.patience ? "earlyStopping" : undefined;
}

function isBetter(config: EarlyStoppingConfig, metric: number, than: number, by = 0): boolean {
  return config.direction === "min" ? metric + by < than : metric - by > than;
}

function worstMetric(config: EarlyStoppingConfig): number {
  return config.direction === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}
