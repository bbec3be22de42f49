import { allocateBatch } from "../data/batches.ts";
import { saveModel } from "../formats/registry.ts";
import type { TrainResult } from "../protocol/engine.ts";
import type {
  MemoryEstimate,
  StopReason,
  TrainingConfig,
  TrainingEvent,
} from "../protocol/training.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { TrainingPlan } from "./check-trainable.ts";
import type { Evaluator, Weights } from "./evaluate.ts";
import { keepRecipes } from "./recipe-memory.ts";
import type { ResumableRun } from "./resumable-run.ts";
import { doneEvent, retrainEvent, type StartEvent, startEvent } from "./run-events.ts";
import { RunFolder } from "./run-folder.ts";
import type { StepSession } from "./step-session.ts";
import { retrainSentence, stopSentence } from "./stop-sentence.ts";
import { trainedModel } from "./trained-model.ts";
import { runTrainings, type TrainingsOptions, type TrainingsOutcome } from "./trainings.ts";
import type { Turns } from "./turns.ts";
import { WatchedValues } from "./watched-values.ts";

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
  readonly runtime: Runtime;
  /** Remembers which way to compute a convolution was the fastest; left out, none is timed. */
  readonly recipeFile?: string;
  /** Cancelling ends the run in order: the best so far is saved. */
  readonly signal: AbortSignal;
  /** Asked before each step; training goes on when the promise resolves. */
  isPaused(): Promise<void> | void;
  onEvent(event: TrainingEvent): void;
}

/** What a run works with, ready to go. */
export interface RunParts {
  readonly plan: TrainingPlan;
  readonly fingerprint: StartEvent["fingerprint"];
  readonly memory: MemoryEstimate;
  readonly step: StepSession;
  readonly evaluator: Evaluator;
  /** Parameters and running statistics at the run's first step. */
  readonly initial: Weights;
}

/** best.onnx follows the best epoch no faster than this, in milliseconds; the last one always. */
const SAVING_INTERVAL = 5000;

/** How long a cancelled run may take to measure its model on the test samples, in milliseconds. */
const LONGEST_TEST = 2000;

/** Trains, with events, checkpoints and models kept in a folder, a new one or the run's own. */
export async function recordedRun(
  options: RecordedRunOptions,
  parts: RunParts,
): Promise<TrainResult> {
  const { resume, runsFolder, modelName, config, recipeFile } = options;
  const folder =
    resume === undefined
      ? await RunFolder.create(runsFolder, modelName, config)
      : await RunFolder.reopen(resume.folder, resume.checkpoint?.metricsBytes ?? 0);
  try {
    if (resume === undefined && recipeFile !== undefined) {
      await keepRecipes(recipeFile, folder.path);
    }
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

  constructor(options: RecordedRunOptions, parts: RunParts, folder: RunFolder) {
    this.#options = options;
    this.#parts = parts;
    this.#folder = folder;
  }

  async run(): Promise<TrainResult> {
    const { resume, onEvent, modelName: model, output } = this.#options;
    const run = this.#folder.path;
    if (resume?.checkpoint === undefined) {
      this.#tell(startEvent({ ...this.#options, ...this.#parts, model, run, output }));
    }
    for (const event of resume?.events ?? []) onEvent(event);
    const trainings = await runTrainings(this.#trainingsOptions());
    const told = this.#folder.metricsBytes;
    const { reason, retrained } = await this.#tellStop(trainings);
    const saved = retrained ? this.#folder.retrainedModel : this.#folder.bestModel;
    await this.#saveModels(trainings.outcome.weights, saved);
    if (reason === "cancelled") await this.#folder.saveCheckpoint(trainings.checkpoint, told);
    const test = await this.#test(trainings.outcome.weights, reason);
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
    const { plan, step, evaluator, initial } = this.#parts;
    const { graph, dataset, split, lossSettings } = plan;
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
      batch: allocateBatch(dataset, plan.batchSize),
      watched: new WatchedValues(graph, config.statistics.bins, checkpoint?.progress.edges),
      initial,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      signal,
      isPaused,
      onEvent: this.#tell,
      onBest: (weights) => this.#saveBest(weights),
      onCheckpoint: (state) =>
        unlessCancelled(signal, folder.saveCheckpoint(state, folder.metricsBytes, signal)),
      onRetrain: async (again, best) => {
        await folder.saveBest(trainedModel(graph, best));
        this.#tell(retrainEvent(again, plan));
      },
    };
  }

  async #saveBest(weights: Weights): Promise<void> {
    if (performance.now() - this.#bestSaved < SAVING_INTERVAL) return;
    const { signal } = this.#options;
    const model = trainedModel(this.#parts.plan.graph, weights);
    await unlessCancelled(signal, this.#folder.saveBest(model, signal));
    this.#bestSaved = performance.now();
  }

  /** @returns why the run ended, and whether it has trained again to the end. */
  async #tellStop({ outcome, again, checkpoint }: TrainingsOutcome) {
    const { earlyStopping } = this.#options.config;
    const { stopping, divergedAt } = outcome;
    const divergence = divergedAt === undefined ? undefined : await this.#divergence(divergedAt);
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

  /** An update that spoiled a parameter shows in the loss of the step after it. */
  async #divergence(step: number) {
    const first = await this.#parts.step.firstBadValue(this.#options.runtime);
    if (first === undefined) return { step };
    return { step: first.kind === "update" ? Math.max(1, step - 1) : step, first };
  }

  async #saveModels(weights: Weights, path: string): Promise<void> {
    const model = trainedModel(this.#parts.plan.graph, weights);
    await saveModel(model, path);
    if (this.#options.output !== undefined) await saveModel(model, this.#options.output);
  }

  /** Who cancels does not wait long for a large test part; it is then left out. */
  #test(weights: Weights, reason: StopReason) {
    const { evaluator, plan } = this.#parts;
    const end =
      reason === "cancelled" ? performance.now() + LONGEST_TEST : Number.POSITIVE_INFINITY;
    const turns: Pick<Turns, "cancelled"> = {
      cancelled: () => Promise.resolve(performance.now() > end),
    };
    return evaluator.evaluate(plan.dataset, plan.split.test, weights, turns);
  }
}

/** A file that cancelling leaves unwritten is written at the end of the run. */
async function unlessCancelled(signal: AbortSignal, work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
