import { setImmediate } from "node:timers/promises";
import { type Batch, fillBatch } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import { withLabelNoise } from "../data/label-noise.ts";
import { seededRandom } from "../data/random.ts";
import type { Split } from "../data/split.ts";
import { jsonNumber } from "../protocol/reports.ts";
import type { StopReason, TrainingConfig, TrainingEvent } from "../protocol/training.ts";
import {
  checkEpoch,
  type EarlyStoppingState,
  type EarlyStoppingVerdict,
  startEarlyStopping,
} from "./early-stopping.ts";
import type { Evaluation, Evaluator, Weights } from "./evaluate.ts";
import { LossMeter } from "./loss-meter.ts";
import type { LossSettings } from "./losses/loss.ts";
import { LearningRate } from "./schedules/learning-rate.ts";
import type { StepSession } from "./step-session.ts";
import { divergenceFactor } from "./variational-divergence.ts";
import { percentiles, type WatchedValues } from "./watched-values.ts";

export interface LoopOptions {
  readonly config: TrainingConfig;
  readonly lossSettings: LossSettings;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly batch: Batch;
  readonly step: StepSession;
  readonly evaluator: Evaluator;
  readonly watched: WatchedValues;
  /** Names of parameters and running statistics: what a snapshot holds. */
  readonly weightNames: readonly string[];
  /** The rows of an epoch in the order they are trained on. */
  epochRows(epoch: number): Int32Array;
  readonly signal: AbortSignal;
  isPaused(): Promise<void> | void;
  onEvent(event: TrainingEvent): void;
  /** The weights that are the best from now on; they are valid until the next call. */
  onBest(weights: Weights): Promise<void>;
}

export interface LoopOutcome {
  readonly reason: StopReason;
  /** Epochs run; one that was cancelled in its middle does not count. */
  readonly epochs: number;
  readonly stopping: EarlyStoppingState;
  /** The weights the run ends with. */
  readonly weights: Weights;
}

interface TrainedEpoch extends Evaluation {
  /** What variational dropout's divergence added to the loss at the last step. */
  readonly klLoss?: number;
  /** What L1 and L2 added to the loss at the last step. */
  readonly penalty?: number;
  /** Of the last step. */
  readonly learningRate: number;
}

/** The longest that steps go on without the event loop getting its turn, in milliseconds. */
const LONGEST_TURN = 50;

/**
 * Trains epoch by epoch: shuffled batches, then validation, then the decision whether to go on.
 *
 * A last batch that is not full is left out (another rest is left out each time, the order being
 * new each epoch): the step graph has one batch size, and the batch statistics of a few samples
 * would be worse than none.
 */
export class TrainingLoop {
  readonly #options: LoopOptions;
  readonly #stepsPerEpoch: number;
  readonly #learningRate: LearningRate;
  readonly #initial: Weights;
  #best: Weights;
  #stopping: EarlyStoppingState;
  #stepsDone = 0;
  #lastTurn = performance.now();

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#stepsPerEpoch = stepsPerEpoch(options.split.train.length, options.batch.size);
    const { config } = options;
    const steps = config.maxEpochs * this.#stepsPerEpoch;
    this.#learningRate = new LearningRate(config, Math.ceil(steps / config.accumulateBatches));
    this.#stopping = startEarlyStopping(options.config.earlyStopping);
    this.#initial = this.#snapshot();
    this.#best = this.#initial;
  }

  async run(): Promise<LoopOutcome> {
    const { maxEpochs } = this.#options.config;
    for (let epoch = 1; epoch <= maxEpochs; epoch++) {
      const reason = await this.#epoch(epoch);
      if (reason === "cancelled") return this.#outcome(reason, epoch - 1);
      if (reason !== undefined) return this.#outcome(reason, epoch);
    }
    return this.#outcome("maxEpochs", maxEpochs);
  }

  async #epoch(epoch: number): Promise<StopReason | undefined> {
    const { evaluator, dataset, split, step, onEvent } = this.#options;
    const started = performance.now();
    const train = await this.#steps(epoch);
    if (train === "cancelled" || train === "diverged") return train;
    const validation = await evaluator.evaluate(dataset, split.validation, step.state);
    const activations = await evaluator.activations(dataset, split.validation, step.state);
    const verdict = this.#check(epoch, validation);
    if (verdict.best) await this.#keepBest();
    onEvent({
      event: "epoch",
      epoch,
      trainLoss: jsonNumber(train.loss),
      ...(train.klLoss === undefined ? {} : { klLoss: jsonNumber(train.klLoss) }),
      ...(train.penalty === undefined ? {} : { penalty: jsonNumber(train.penalty) }),
      ...accuracy("trainAccuracy", train),
      validationLoss: jsonNumber(validation.loss),
      ...accuracy("validationAccuracy", validation),
      learningRate: train.learningRate,
      seconds: (performance.now() - started) / 1000,
      best: verdict.best,
      activations: this.#options.watched.statistics(activations),
    });
    return verdict.stop;
  }

  async #steps(epoch: number): Promise<TrainedEpoch | "cancelled" | "diverged"> {
    const { config, dataset, batch, step, onEvent } = this.#options;
    const rows = this.#options.epochRows(epoch);
    const meter = new LossMeter(config.loss, this.#options.lossSettings);
    const factor = divergenceFactor(config.variationalDropout, epoch, rows.length);
    let divergence: number | undefined;
    let penalty: number | undefined;
    let learningRate = Number.NaN;
    const noise = seededRandom(config.seed, `label noise ${epoch}`);
    const noisy = withLabelNoise(dataset, rows, config.labelNoise, noise);
    for (let index = 0; index < this.#stepsPerEpoch; index++) {
      if (await this.#waitOrCancelled()) return "cancelled";
      const filled = fillBatch(batch, noisy, rows, index * batch.size);
      const sampled = this.#stepsDone % config.statistics.everySteps === 0;
      const update = Math.floor(this.#stepsDone / config.accumulateBatches);
      learningRate = this.#learningRate.at(epoch - 1, update);
      const result = await step.run(batch, learningRate, sampled, factor);
      divergence = result.divergence;
      penalty = result.penalty;
      this.#stepsDone++;
      meter.add(result.output, batch, filled);
      const taken = [...result.samples]
        .map(([name, values]) => [name, percentiles(values)] as const)
        .filter(([, values]) => values.every(Number.isFinite));
      onEvent({
        event: "step",
        step: this.#stepsDone,
        epoch,
        loss: jsonNumber(result.loss),
        ...(taken.length > 0 ? { percentiles: Object.fromEntries(taken) } : {}),
      });
      if (config.earlyStopping.checkFinite && !Number.isFinite(result.loss)) return "diverged";
    }
    const kl = divergence === undefined ? {} : { klLoss: factor * divergence };
    const weights = penalty === undefined ? {} : { penalty };
    return { ...meter.result(), ...kl, ...weights, learningRate };
  }

  /** Lets a pause pass and messages in. */
  async #waitOrCancelled(): Promise<boolean> {
    const { signal, isPaused } = this.#options;
    if (signal.aborted) return true;
    if (performance.now() - this.#lastTurn > LONGEST_TURN) {
      await setImmediate();
      this.#lastTurn = performance.now();
    }
    const pause = isPaused();
    if (pause !== undefined) await endOrAbort(pause, signal);
    return signal.aborted;
  }

  #check(epoch: number, validation: Evaluation): EarlyStoppingVerdict {
    const { earlyStopping } = this.#options.config;
    const byAccuracy = earlyStopping.monitor === "validationAccuracy";
    const metric = byAccuracy ? (validation.accuracy ?? Number.NaN) : validation.loss;
    const verdict = checkEpoch(this.#stopping, earlyStopping, epoch, metric);
    this.#stopping = verdict.state;
    this.#learningRate.measured(metric);
    return verdict;
  }

  async #keepBest(): Promise<void> {
    this.#best = this.#snapshot();
    await this.#options.onBest(this.#best);
  }

  #snapshot(): Weights {
    const { step, weightNames } = this.#options;
    return new Map(
      weightNames.map((name) => [name, (step.state.get(name) as Float32Array).slice()]),
    );
  }

  /**
   * The best weights, or the last ones where that was asked for. After divergence the last ones are
   * worthless, so the best are taken in any case; where no epoch was ever validated, the best are
   * the first ones, and a cancelled run is better served by what it has learned.
   */
  #outcome(reason: StopReason, epochs: number): LoopOutcome {
    const stopping = this.#stopping;
    const validated = stopping.bestEpoch > 0;
    const { restoreBest } = this.#options.config.earlyStopping;
    const best = reason === "diverged" || (restoreBest && validated);
    return { reason, epochs, stopping, weights: best ? this.#best : this.#snapshot() };
  }
}

export function stepsPerEpoch(trainSamples: number, batchSize: number): number {
  return Math.floor(trainSamples / batchSize);
}

function accuracy(name: "trainAccuracy" | "validationAccuracy", { accuracy }: Evaluation) {
  return accuracy === undefined ? {} : { [name]: jsonNumber(accuracy) };
}

/** Waits for the pause to end, or for the cancellation that ends it; leaves no listener behind. */
function endOrAbort(pause: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      signal.removeEventListener("abort", end);
      resolve();
    };
    signal.addEventListener("abort", end);
    pause.then(end, reject);
  });
}
