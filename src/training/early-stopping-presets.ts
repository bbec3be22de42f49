/**
 * The early stopping rules of four frameworks, to the letter, so that a run can be compared with
 * one made elsewhere. They differ in what no common option could express: what NaN does, whether
 * the count has to reach the patience or pass it, whether a gain of exactly the tolerance counts.
 *
 * Epochs are counted from 0 here, as they are there.
 */
export interface RuleOptions {
  readonly mode: "min" | "max";
  readonly patience: number;
  readonly minDelta?: number;
  readonly baseline?: number;
  readonly startFrom?: number;
  readonly restoreBest?: boolean;
  readonly stoppingThreshold?: number;
  readonly divergenceThreshold?: number;
  readonly checkFinite?: boolean;
}

export type RuleStop = "patience" | "threshold" | "divergence" | "not-finite";

export interface Rule {
  /** @returns why training stops after this epoch; undefined to go on. */
  check(epoch: number, metric: number): RuleStop | undefined;
  readonly bestEpoch: number | undefined;
  readonly bestMetric: number;
  /** The epoch whose weights the rule itself puts back when training ends. */
  readonly restoredEpoch: number | undefined;
  readonly state: RuleState;
}

export type RuleName = "keras" | "lightning" | "tfjs" | "sklearn-mlp" | "sklearn-sgd";

/** What a rule remembers, as plain data that a checkpoint keeps. */
export interface RuleState {
  readonly wait: number;
  readonly bestMetric: number;
  readonly bestEpoch?: number;
  readonly restoredEpoch?: number;
}

/** A rule at its beginning; or, with a state, where another one was. */
type MakeRule = (options: RuleOptions, state?: RuleState) => Rule;

export const EARLY_STOPPING_PRESETS: Readonly<Record<RuleName, MakeRule>> = {
  keras: (options, state) => new KerasRule(options, state),
  lightning: (options, state) => new LightningRule(options, state),
  tfjs: (options, state) => new TensorFlowJsRule(options, state),
  "sklearn-mlp": (options, state) => new ScikitLearnRule(options, "past", state),
  "sklearn-sgd": (options, state) => new ScikitLearnRule(options, "at", state),
};

abstract class BaseRule implements Rule {
  bestEpoch: number | undefined;
  bestMetric: number;
  restoredEpoch: number | undefined;
  protected wait: number;
  protected readonly minDelta: number;

  constructor(
    protected readonly options: RuleOptions,
    state?: RuleState,
    first = options.mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
  ) {
    this.minDelta = options.minDelta ?? 0;
    this.bestMetric = state?.bestMetric ?? first;
    this.wait = state?.wait ?? 0;
    this.bestEpoch = state?.bestEpoch;
    this.restoredEpoch = state?.restoredEpoch;
  }

  get state(): RuleState {
    const { wait, bestMetric, bestEpoch, restoredEpoch } = this;
    return {
      wait,
      bestMetric,
      ...(bestEpoch === undefined ? {} : { bestEpoch }),
      ...(restoredEpoch === undefined ? {} : { restoredEpoch }),
    };
  }

  abstract check(epoch: number, metric: number): RuleStop | undefined;

  protected better(metric: number, than: number, by = 0): boolean {
    return this.options.mode === "min" ? metric + by < than : metric - by > than;
  }

  protected setBest(epoch: number, metric: number): void {
    this.bestEpoch = epoch;
    this.bestMetric = metric;
  }
}

/** Keras 3.15, callbacks/early_stopping.py: the first value is the best whatever it is, NaN too. */
class KerasRule extends BaseRule {
  check(epoch: number, metric: number): RuleStop | undefined {
    const { startFrom = 0, restoreBest, baseline, patience } = this.options;
    if (epoch < startFrom) return undefined;
    if (restoreBest) this.restoredEpoch ??= epoch;
    this.wait++;
    if (this.bestEpoch === undefined || this.better(metric, this.bestMetric, this.minDelta)) {
      this.setBest(epoch, metric);
      if (restoreBest) this.restoredEpoch = epoch;
      if (baseline === undefined || this.better(metric, baseline, this.minDelta)) this.wait = 0;
      return undefined;
    }
    return this.wait >= patience && epoch > 0 ? "patience" : undefined;
  }
}

/** Lightning 2.6, callbacks/early_stopping.py: _evaluate_stopping_criteria, in its order. */
class LightningRule extends BaseRule {
  check(epoch: number, metric: number): RuleStop | undefined {
    const { checkFinite = true, stoppingThreshold, divergenceThreshold, patience } = this.options;
    if (checkFinite && !Number.isFinite(metric)) return "not-finite";
    if (stoppingThreshold !== undefined && this.better(metric, stoppingThreshold)) {
      return "threshold";
    }
    if (divergenceThreshold !== undefined && this.better(divergenceThreshold, metric)) {
      return "divergence";
    }
    if (this.better(metric, this.bestMetric, this.minDelta)) {
      this.setBest(epoch, metric);
      this.wait = 0;
      return undefined;
    }
    this.wait++;
    return this.wait >= patience ? "patience" : undefined;
  }
}

/** @tensorflow/tfjs-layers 4.22, callbacks.ts: the baseline is the first value to beat. */
class TensorFlowJsRule extends BaseRule {
  constructor(options: RuleOptions, state?: RuleState) {
    super(options, state, options.baseline);
  }

  check(epoch: number, metric: number): RuleStop | undefined {
    if (this.better(metric, this.bestMetric, this.minDelta)) {
      this.setBest(epoch, metric);
      this.wait = 0;
      return undefined;
    }
    this.wait++;
    return this.wait >= this.options.patience ? "patience" : undefined;
  }
}

/**
 * scikit-learn 1.9: neural_network/_multilayer_perceptron.py stops when the count is past
 * n_iter_no_change, linear_model/_sgd_fast.pyx when it is there. Both ask whether the metric is
 * *worse* than best − tol, which NaN and a gain of exactly tol are not. The MLP keeps the weights
 * of the best validation score (mode max).
 */
class ScikitLearnRule extends BaseRule {
  readonly #stopsAt: "at" | "past";

  constructor(options: RuleOptions, stopsAt: "at" | "past", state?: RuleState) {
    super(options, state);
    this.#stopsAt = stopsAt;
  }

  check(epoch: number, metric: number): RuleStop | undefined {
    const { mode, patience } = this.options;
    const enough = this.bestMetric + (mode === "min" ? -this.minDelta : this.minDelta);
    this.wait = this.better(enough, metric) ? this.wait + 1 : 0;
    if (this.better(metric, this.bestMetric)) {
      this.setBest(epoch, metric);
      if (this.#stopsAt === "past" && mode === "max") this.restoredEpoch = epoch;
    }
    const stops = this.#stopsAt === "at" ? this.wait >= patience : this.wait > patience;
    return stops ? "patience" : undefined;
  }
}
