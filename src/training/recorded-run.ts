import { join } from "node:path";
import { allocateBatch } from "../data/batches.ts";
import type { TrainResult } from "../protocol/engine.ts";
import type { TrainingConfig, TrainingEvent } from "../protocol/training.ts";
import type { Weights } from "./evaluate.ts";
import type { ResumableRun } from "./resumable-run.ts";
import { doneEvent, retrainEvent, type StartEvent } from "./run-events.ts";
import { RunFolder } from "./run-folder.ts";
import { retrainSentence, stopSentence } from "./stop-sentence.ts";
import { runTrainings, type TrainingsOptions, type TrainingsOutcome } from "./trainings.ts";
import { Turns } from "./turns.ts";

export interface RecordedRunOptions {
  /** The model's path or name, for the start event and the run folder's name. */
  readonly modelName: string;
  readonly config: TrainingConfig;
  /** Folder that gets the run folder. */
  readonly runsFolder: string;
  /** Where the best model goes besides the run folder. */
  readonly output?: string;
  /** Goes on with this run, in its folder; graph and config are the run's. */
  readonly resume?: ResumableRun;
  /** Cancelling ends the run in order: the best so far is saved. */
  readonly signal: AbortSignal;
  /** Asked before each step; training goes on when the promise resolves. */
  isPaused(): Promise<void> | void;
  onEvent(event: TrainingEvent): void;
}

type Divergence = Extract<TrainingEvent, { event: "stop" }>["divergence"];

/** What a run works with, ready to go, whichever engine computes. */
export interface RunParts
  extends Pick<
    TrainingsOptions,
    "lossSettings" | "dataset" | "split" | "step" | "evaluator" | "watched" | "initial"
  > {
  readonly batchSize: number;
  /** The models that a run leaves in its folder. */
  readonly models: {
    /** Names of the files below the run's folder. */
    readonly best: string;
    readonly retrained: string;
    /** Writes the model with these weights, at once or not at all. */
    save(weights: Weights, path: string, signal?: AbortSignal): Promise<void>;
  };
  /** Told first. @param run the run's folder. */
  start(run: string): StartEvent;
  /** Where the numbers stopped being finite. @param step whose loss was not. */
  divergence(step: number): Promise<Divergence>;
  /** Keeps in a new run's folder what it needs to go on. */
  prepareFolder?(run: string): Promise<void>;
}

/** best.onnx follows the best epoch no faster than this, in milliseconds; the last one always. */
const SAVING_INTERVAL = 5000;

/**
 * How long a cancelled run may take for what it could end without, in milliseconds: a checkpoint of
 * the last step, and measuring on the test samples.
 */
const LONGEST_GOODBYE = 100;

/** For work that is done in any case. */
const NEVER_CANCELLED = { cancelled: () => Promise.resolve(false) };

/** Trains, with events, checkpoints and models kept in a folder, a new one or the run's own. */
export async function recordedRun(
  options: RecordedRunOptions,
  parts: RunParts,
): Promise<TrainResult> {
  const { resume, runsFolder, modelName, config } = options;
  const folder =
    resume === undefined
      ? await RunFolder.create(runsFolder, modelName, config)
      : await RunFolder.reopen(resume.folder, resume.checkpoint?.metricsBytes ?? 0);
  try {
    if (resume === undefined) await parts.prepareFolder?.(folder.path);
    return await new RecordedRun(options, parts, folder).run();
  } finally {
    await folder.close();
  }
}

class RecordedRun {
  readonly #options: RecordedRunOptions;
  readonly #parts: RunParts;
  readonly #folder: RunFolder;
  #bestSaved = Number.NEGATIVE_INFINITY;
  /** What the best model's file holds, where this process has written it. */
  #savedWeights: Weights | undefined;

  constructor(options: RecordedRunOptions, parts: RunParts, folder: RunFolder) {
    this.#options = options;
    this.#parts = parts;
    this.#folder = folder;
  }

  async run(): Promise<TrainResult> {
    const { resume, onEvent, output } = this.#options;
    const { models, start } = this.#parts;
    const run = this.#folder.path;
    if (resume?.checkpoint === undefined) this.#tell(start(run));
    for (const event of resume?.events ?? []) onEvent(event);
    const trainings = await runTrainings(this.#trainingsOptions());
    const told = this.#folder.metricsBytes;
    const { reason, retrained } = await this.#tellStop(trainings);
    const { weights } = trainings.outcome;
    const saved = join(run, retrained ? models.retrained : models.best);
    if (retrained || weights !== this.#savedWeights) await models.save(weights, saved);
    if (output !== undefined) await models.save(weights, output);
    const test = await (reason === "cancelled"
      ? this.#goodbye(trainings, told)
      : this.#test(weights, NEVER_CANCELLED));
    this.#tell(doneEvent(output ?? saved, test, run));
    if (reason !== "cancelled") await this.#folder.removeCheckpoints();
    return { run, bestModel: saved };
  }

  #tell = (event: TrainingEvent): void => {
    this.#folder.append(event);
    this.#options.onEvent(event);
  };

  #trainingsOptions(): TrainingsOptions {
    const { config, resume, signal, isPaused } = this.#options;
    const { dataset, batchSize, split, lossSettings, step, evaluator, initial, watched } =
      this.#parts;
    const checkpoint = resume?.checkpoint;
    const folder = this.#folder;
    return {
      config,
      lossSettings,
      dataset,
      split,
      step,
      evaluator,
      weightNames: [...initial.keys()],
      batch: allocateBatch(dataset, batchSize),
      watched,
      initial,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      signal,
      isPaused,
      onEvent: this.#tell,
      onBest: (weights, atOnce) => this.#saveBest(weights, atOnce),
      onCheckpoint: (state) =>
        unlessCancelled(signal, () => folder.saveCheckpoint(state, folder.metricsBytes, signal)),
      onRetrain: async (again, best) => {
        await this.#parts.models.save(best, this.#bestModel);
        this.#tell(retrainEvent(again, this.#parts));
      },
    };
  }

  async #saveBest(weights: Weights, atOnce: boolean): Promise<void> {
    if (!atOnce && performance.now() - this.#bestSaved < SAVING_INTERVAL) return;
    const { signal } = this.#options;
    await unlessCancelled(signal, async () => {
      await this.#parts.models.save(weights, this.#bestModel, signal);
      this.#savedWeights = weights;
    });
    this.#bestSaved = performance.now();
  }

  get #bestModel(): string {
    return join(this.#folder.path, this.#parts.models.best);
  }

  /** @returns why the run ended, and whether it has trained again to the end. */
  async #tellStop({ outcome, again, checkpoint }: TrainingsOutcome) {
    const { earlyStopping } = this.#options.config;
    const { stopping, divergedAt } = outcome;
    const divergence =
      divergedAt === undefined ? undefined : await this.#parts.divergence(divergedAt);
    const retrained = again !== undefined && outcome.reason === "maxEpochs";
    const reason = retrained ? again.reason : outcome.reason;
    const epochs = again?.epochs ?? outcome.epochs;
    const steps = checkpoint.progress.stepsDone;
    const sentence =
      again === undefined
        ? stopSentence(reason, epochs, stopping, earlyStopping, divergence)
        : retrainSentence(outcome.reason, steps, again, divergence);
    const more = divergence === undefined ? {} : { divergence };
    const { bestEpoch } = stopping;
    this.#tell({ event: "stop", reason, bestEpoch, epochs, ...more, sentence });
    return { reason, retrained };
  }

  /**
   * Who cancels does not wait long for a large checkpoint, of which there is an older one, or for a
   * large test part; they are left out.
   *
   * @param told bytes of metrics.jsonl before the stop.
   */
  async #goodbye({ checkpoint, outcome }: TrainingsOutcome, told: number) {
    const end = AbortSignal.timeout(LONGEST_GOODBYE);
    await unlessCancelled(end, () => this.#folder.saveCheckpoint(checkpoint, told, end));
    return this.#test(outcome.weights, new Turns(end));
  }

  #test(weights: Weights, turns: Pick<Turns, "cancelled">) {
    const { evaluator, dataset, split } = this.#parts;
    return evaluator.evaluate(dataset, split.test, weights, turns);
  }
}

/** A file that cancelling leaves unwritten is written at the end of the run. */
async function unlessCancelled(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
