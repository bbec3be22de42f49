import { jsonNumber } from "../protocol/reports.ts";
import type { StopReason } from "../protocol/training.ts";
import { BestWeights } from "./best-weights.ts";
import type { Checkpoint, RunProgress } from "./checkpoint.ts";
import { CheckpointRhythm } from "./checkpoint-rhythm.ts";
import { EpochSteps, type TrainedEpoch } from "./epoch-steps.ts";
import type { Evaluation } from "./evaluate.ts";
import { type LoopOptions, type LoopOutcome, stepsPerEpoch } from "./loop-options.ts";
import { RunSchedule } from "./schedules/run-schedule.ts";
import { Turns } from "./turns.ts";

/** Trains epoch by epoch: the steps, then validation, then the decision whether to go on. */
export class TrainingLoop {
  readonly #options: LoopOptions;
  readonly #stepsPerEpoch: number;
  readonly #schedule: RunSchedule;
  readonly #turns: Turns;
  readonly #rhythm: CheckpointRhythm;
  readonly #best: BestWeights;
  readonly #steps: EpochSteps;
  #epoch: number;
  /** The moment the epoch would have begun without interruption. */
  #epochStarted: number;

  constructor(options: LoopOptions) {
    const { config, from, retrain, signal } = options;
    const progress = from?.progress;
    this.#options = options;
    this.#stepsPerEpoch = stepsPerEpoch(options.split.train.length, options.batch.size);
    this.#schedule = new RunSchedule(config, this.#stepsPerEpoch, retrain, progress);
    this.#turns = new Turns(signal);
    this.#rhythm = new CheckpointRhythm(config.checkpoint);
    this.#best = new BestWeights(options, this.#turns);
    this.#steps = new EpochSteps(options, this.#schedule, this.#turns);
    this.#epoch = progress?.epoch ?? 1;
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
      this.#epoch = epoch + 1;
      this.#steps.beginEpoch();
      this.#epochStarted = performance.now();
      if (this.#rhythm.dueAfterEpoch(epoch)) await this.#keepCheckpoint();
    }
    return this.#outcome("maxEpochs", epochs);
  }

  /** What a checkpoint now would hold; valid until the next step. */
  get checkpoint(): Checkpoint {
    const { retrain, step, watched } = this.#options;
    const progress: RunProgress = {
      epoch: this.#epoch,
      ...this.#steps.progress,
      stopping: this.#best.stopping,
      ...this.#schedule.progress,
      ...(retrain === undefined ? {} : { retrain }),
      edges: watched.edges,
      seconds: this.#seconds(),
    };
    return { progress, state: step.state, best: this.#best.weights };
  }

  async #keepCheckpoint(): Promise<void> {
    const { signal, onCheckpoint } = this.#options;
    await this.#rhythm.write(() => onCheckpoint(this.checkpoint, signal));
    this.#turns.waited();
  }

  /** @returns why the run ends with this epoch; undefined where it goes on. */
  async #runEpoch(epoch: number): Promise<StopReason | undefined> {
    const { config, evaluator, dataset, split, step, retrain, watched, onEvent } = this.#options;
    const train = await this.#steps.run(epoch, async () => {
      if (this.#rhythm.dueAfterStep(this.#steps.done)) await this.#keepCheckpoint();
      await this.#best.checkStep();
    });
    if (train === "cancelled" || train === "diverged") return train;
    if (retrain !== undefined) {
      const trained = this.#trained(train);
      onEvent({ event: "retrainEpoch", epoch, step: this.#steps.done, ...trained });
      return undefined;
    }
    const validation = await evaluator.evaluate(dataset, split.validation, step.state, this.#turns);
    if (validation === undefined || (await this.#turns.cancelled())) return "cancelled";
    const activations = await evaluator.activations(dataset, split.validation, step.state);
    const statistics = watched.statistics(activations);
    const byAccuracy = config.earlyStopping.monitor === "validationAccuracy";
    const metric = byAccuracy ? (validation.accuracy ?? Number.NaN) : validation.loss;
    const verdict = await this.#best.check(epoch, metric);
    this.#schedule.measured(metric);
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
      seconds: this.#seconds(),
    };
  }

  /** Spent on this epoch so far. */
  #seconds(): number {
    return (performance.now() - this.#epochStarted) / 1000;
  }

  #outcome(reason: StopReason, epochs: number): LoopOutcome {
    const { divergedAt } = this.#steps;
    return {
      reason,
      epochs,
      stopping: this.#best.stopping,
      schedules: this.#schedule.ended,
      ...(divergedAt === undefined ? {} : { divergedAt }),
      weights: this.#best.atTheEnd(reason),
    };
  }
}

function accuracy(name: "trainAccuracy" | "validationAccuracy", { accuracy }: Evaluation) {
  return accuracy === undefined ? {} : { [name]: jsonNumber(accuracy) };
}
