import { type Batch, fillBatch } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import { withLabelNoise } from "../data/label-noise.ts";
import { seededRandom } from "../data/random.ts";
import type { Split } from "../data/split.ts";
import { jsonNumber } from "../protocol/reports.ts";
import type { StopReason, TrainingConfig, TrainingEvent } from "../protocol/training.ts";
import type { AddedTerms, Checkpoint, RunProgress } from "./checkpoint.ts";
import { CheckpointRhythm } from "./checkpoint-rhythm.ts";
import { detailsDue } from "./detail-rhythm.ts";
import {
  checkEpoch,
  type EarlyStoppingState,
  type EarlyStoppingVerdict,
  startEarlyStopping,
} from "./early-stopping.ts";
import type { Evaluation, Evaluator, Weights } from "./evaluate.ts";
import { LossMeter } from "./loss-meter.ts";
import type { LossSettings } from "./losses/loss.ts";
import type { RetrainPlan } from "./retrain.ts";
import { LearningRate } from "./schedules/learning-rate.ts";
import type { ScheduleState } from "./schedules/schedule.ts";
import type { StepSession } from "./step-session.ts";
import { Turns } from "./turns.ts";
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
  /** Where the samples are trained on again; without validation then. */
  readonly retrain?: RetrainPlan;
  /** Where to go on; from the beginning where left out. The step session has its state already. */
  readonly from?: Pick<Checkpoint, "progress" | "best">;
  readonly signal: AbortSignal;
  isPaused(): Promise<void> | void;
  onEvent(event: TrainingEvent): void;
  /** The weights that are the best from now on; they are valid until the next call. */
  onBest(weights: Weights): Promise<void>;
  /** Keeps the state so that a later run can go on from it. @param signal ends the keeping. */
  onCheckpoint(checkpoint: Checkpoint, signal?: AbortSignal): Promise<void>;
}

export interface LoopOutcome {
  readonly reason: StopReason;
  /** Epochs run; one that was cancelled in its middle does not count. */
  readonly epochs: number;
  readonly stopping: EarlyStoppingState;
  /** The schedule in each epoch, for training again. */
  readonly schedules: readonly ScheduleState[];
  /** The step, from 1, whose loss was not finite, where that ended the run. */
  readonly divergedAt?: number;
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
  /** Steps of an epoch as schedules and warm-ups count them. */
  readonly #stepsPerScheduled: number;
  readonly #schedules: ScheduleState[];
  readonly #learningRate: LearningRate;
  readonly #turns: Turns;
  readonly #rhythm: CheckpointRhythm;
  #best: Weights;
  #stopping: EarlyStoppingState;
  #epoch: number;
  #stepsInEpoch: number;
  #stepsDone: number;
  #meter: LossMeter;
  #lastStep: AddedTerms;
  #divergedAt: number | undefined;
  /** The moment the epoch would have begun without interruption. */
  #epochStarted: number;

  constructor(options: LoopOptions) {
    const { config, from, signal } = options;
    const progress = from?.progress;
    this.#options = options;
    this.#stepsPerEpoch = stepsPerEpoch(options.split.train.length, options.batch.size);
    this.#stepsPerScheduled = options.retrain?.stepsPerEpoch ?? this.#stepsPerEpoch;
    this.#schedules = [...(progress?.schedules ?? [])];
    const steps = config.maxEpochs * this.#stepsPerScheduled;
    const updates = Math.ceil(steps / config.accumulateBatches);
    this.#learningRate = new LearningRate(config, updates, progress?.schedule);
    this.#turns = new Turns(signal);
    this.#rhythm = new CheckpointRhythm(config.checkpoint);
    this.#stopping = progress?.stopping ?? startEarlyStopping(config.earlyStopping);
    this.#best = from?.best ?? this.#snapshot();
    this.#epoch = progress?.epoch ?? 1;
    this.#stepsInEpoch = progress?.stepsInEpoch ?? 0;
    this.#stepsDone = progress?.stepsDone ?? 0;
    this.#meter = new LossMeter(config.loss, options.lossSettings, progress?.meter);
    this.#lastStep = progress?.lastStep ?? {};
    this.#epochStarted = performance.now() - 1000 * (progress?.seconds ?? 0);
  }

  async run(): Promise<LoopOutcome> {
    const { config, retrain } = this.#options;
    const epochs =
      retrain === undefined ? config.maxEpochs : Math.ceil(retrain.steps / this.#stepsPerEpoch);
    while (this.#epoch <= epochs) {
      const epoch = this.#epoch;
      const reason = await this.#runEpoch(epoch);
      if (reason === "cancelled") return this.#outcome(reason, epoch - 1);
      if (reason !== undefined) return this.#outcome(reason, epoch);
      this.#begin(epoch + 1);
      if (this.#rhythm.dueAfterEpoch(epoch)) await this.#keepCheckpoint();
    }
    return this.#outcome("maxEpochs", epochs);
  }

  /** What a checkpoint now would hold; valid until the next step. */
  get checkpoint(): Checkpoint {
    const { retrain } = this.#options;
    const progress: RunProgress = {
      epoch: this.#epoch,
      stepsInEpoch: this.#stepsInEpoch,
      stepsDone: this.#stepsDone,
      meter: this.#meter.sums,
      lastStep: this.#lastStep,
      stopping: this.#stopping,
      schedule: this.#learningRate.state,
      ...(this.#schedules.length === 0 ? {} : { schedules: [...this.#schedules] }),
      ...(retrain === undefined ? {} : { retrain }),
      edges: this.#options.watched.edges,
      seconds: (performance.now() - this.#epochStarted) / 1000,
    };
    const best = this.#stopping.bestEpoch > 0 ? this.#best : undefined;
    return { progress, state: this.#options.step.state, best };
  }

  #begin(epoch: number): void {
    this.#epoch = epoch;
    this.#stepsInEpoch = 0;
    const { config, lossSettings } = this.#options;
    this.#meter = new LossMeter(config.loss, lossSettings);
    this.#lastStep = {};
    this.#epochStarted = performance.now();
  }

  async #keepCheckpoint(): Promise<void> {
    const { signal, onCheckpoint } = this.#options;
    await this.#rhythm.write(() => onCheckpoint(this.checkpoint, signal));
  }

  async #runEpoch(epoch: number): Promise<StopReason | undefined> {
    const { evaluator, dataset, split, step, retrain, onEvent } = this.#options;
    const train = await this.#steps(epoch);
    if (train === "cancelled" || train === "diverged") return train;
    if (retrain !== undefined) {
      onEvent({
        event: "retrainEpoch",
        epoch,
        step: this.#stepsDone,
        ...this.#trained(train),
      });
      return undefined;
    }
    const validation = await evaluator.evaluate(dataset, split.validation, step.state, this.#turns);
    if (validation === undefined || (await this.#turns.cancelled())) return "cancelled";
    const activations = await evaluator.activations(dataset, split.validation, step.state);
    const statistics = this.#options.watched.statistics(activations);
    const verdict = this.#check(epoch, validation);
    if (verdict.best) await this.#keepBest();
    onEvent({
      event: "epoch",
      epoch,
      ...this.#trained(train),
      validationLoss: jsonNumber(validation.loss),
      ...accuracy("validationAccuracy", validation),
      best: verdict.best,
      activations: statistics,
    });
    return verdict.stop;
  }

  #trained(train: TrainedEpoch) {
    return {
      trainLoss: jsonNumber(train.loss),
      ...(train.klLoss === undefined ? {} : { klLoss: jsonNumber(train.klLoss) }),
      ...(train.penalty === undefined ? {} : { penalty: jsonNumber(train.penalty) }),
      ...accuracy("trainAccuracy", train),
      learningRate: train.learningRate,
      seconds: (performance.now() - this.#epochStarted) / 1000,
    };
  }

  /** All of an epoch's, but for the last epoch of training again. */
  #stepsOfEpoch(): number {
    const { retrain } = this.#options;
    if (retrain === undefined) return this.#stepsPerEpoch;
    return Math.min(this.#stepsPerEpoch, retrain.steps - (this.#stepsDone - this.#stepsInEpoch));
  }

  async #steps(epoch: number): Promise<TrainedEpoch | "cancelled" | "diverged"> {
    const { config, dataset, batch, step, retrain, onEvent } = this.#options;
    const rows = this.#options.epochRows(epoch);
    const stepsOfEpoch = this.#stepsOfEpoch();
    const noise = seededRandom(config.seed, `label noise ${epoch}`);
    const noisy = withLabelNoise(dataset, rows, config.labelNoise, noise);
    const factorAt = (step: number) =>
      divergenceFactor(config.variationalDropout, this.#scheduledEpoch(step) + 1, rows.length);
    while (this.#stepsInEpoch < stepsOfEpoch) {
      if (await this.#waitOrCancelled()) return "cancelled";
      const filled = fillBatch(batch, noisy, rows, this.#stepsInEpoch * batch.size);
      const told = retrain === undefined;
      const wishes = {
        samples: told && this.#stepsDone % config.statistics.everySteps === 0,
        details: told && detailsDue(this.#stepsDone, config),
      };
      const factor = factorAt(this.#stepsDone);
      const result = await step.run(batch, this.#rateAt(this.#stepsDone), wishes, factor);
      this.#lastStep = addedTerms(result);
      this.#stepsDone++;
      this.#stepsInEpoch++;
      this.#meter.add(result.output, batch, filled);
      const taken = [...result.samples]
        .map(([name, values]) => [name, percentiles(values)] as const)
        .filter(([, values]) => values.every(Number.isFinite));
      if (told) {
        onEvent({
          event: "step",
          step: this.#stepsDone,
          epoch,
          loss: jsonNumber(result.loss),
          ...(taken.length > 0 ? { percentiles: Object.fromEntries(taken) } : {}),
          ...result.details,
        });
      }
      if (config.earlyStopping.checkFinite && !Number.isFinite(result.loss)) {
        this.#divergedAt = this.#stepsDone;
        return "diverged";
      }
      if (this.#rhythm.dueAfterStep(this.#stepsDone)) await this.#keepCheckpoint();
    }
    const { divergence, penalty } = this.#lastStep;
    const kl =
      divergence === undefined ? {} : { klLoss: factorAt(this.#stepsDone - 1) * divergence };
    const weights = penalty === undefined ? {} : { penalty };
    const learningRate = this.#rateAt(this.#stepsDone - 1);
    return { ...this.#meter.result(), ...kl, ...weights, learningRate };
  }

  /** The learning rate of a step. @param step steps before it. */
  #rateAt(step: number): number {
    const { config, retrain } = this.#options;
    const update = Math.floor(step / config.accumulateBatches);
    const epoch = this.#scheduledEpoch(step);
    return this.#learningRate.at(epoch, update, retrain?.schedules[epoch]);
  }

  /** Epochs that are over for schedules and warm-ups. @param step steps before it. */
  #scheduledEpoch(step: number): number {
    return Math.floor(step / this.#stepsPerScheduled);
  }

  /** Lets a pause pass and messages in. */
  async #waitOrCancelled(): Promise<boolean> {
    const { signal, isPaused } = this.#options;
    if (await this.#turns.cancelled()) return true;
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
    if (earlyStopping.retrain) this.#schedules.push(this.#learningRate.state);
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
   * the first ones, and a cancelled run is better served by what it has learned. Training again ends
   * with its last ones, and where it is cut short those of the first training are better.
   */
  #outcome(reason: StopReason, epochs: number): LoopOutcome {
    const stopping = this.#stopping;
    const validated = stopping.bestEpoch > 0;
    const { restoreBest, retrain } = this.#options.config.earlyStopping;
    const again = this.#options.retrain !== undefined;
    const best = again
      ? reason !== "maxEpochs"
      : reason === "diverged" || ((restoreBest || retrain) && validated);
    return {
      reason,
      epochs,
      stopping,
      schedules: this.#schedules,
      ...(this.#divergedAt === undefined ? {} : { divergedAt: this.#divergedAt }),
      weights: best ? this.#best : this.#snapshot(),
    };
  }
}

export function stepsPerEpoch(trainSamples: number, batchSize: number): number {
  return Math.floor(trainSamples / batchSize);
}

function accuracy(name: "trainAccuracy" | "validationAccuracy", { accuracy }: Evaluation) {
  return accuracy === undefined ? {} : { [name]: jsonNumber(accuracy) };
}

function addedTerms({ divergence, penalty }: AddedTerms): AddedTerms {
  return {
    ...(divergence === undefined ? {} : { divergence }),
    ...(penalty === undefined ? {} : { penalty }),
  };
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
