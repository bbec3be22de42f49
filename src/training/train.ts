import { allocateBatch } from "../data/batches.ts";
import { openDataset } from "../data/open-dataset.ts";
import { saveModel } from "../formats/onnx/write.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import type { ConvRecipes } from "../operators/conv-recipe.ts";
import { usualRecipes } from "../operators/conv-recipes.ts";
import type { TrainResult } from "../protocol/engine.ts";
import { jsonNumber } from "../protocol/reports.ts";
import type {
  MemoryEstimate,
  StopReason,
  TrainingConfig,
  TrainingEvent,
} from "../protocol/training.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { planTraining, type TrainingPlan } from "./check-trainable.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { checkConfig } from "./config.ts";
import { channelBlock } from "./conv-machine.ts";
import { decayedParameters, penalizedValues } from "./decayed-parameters.ts";
import { Evaluator, inferenceGraph, type Weights } from "./evaluate.ts";
import { buildWithFastest } from "./fastest-recipes.ts";
import { dataFingerprint, modelFingerprint } from "./fingerprint.ts";
import { freshParameters, freshStates } from "./initialize.ts";
import { stepsPerEpoch } from "./loop-options.ts";
import { LOSSES } from "./losses/table.ts";
import { estimateMemory, freeMemory, refuseTooLarge } from "./memory-estimate.ts";
import type { StateTensor } from "./parameter-updates.ts";
import { initialValues, isLayerWeight } from "./parameters.ts";
import { keepRecipes, keptRecipes } from "./recipe-memory.ts";
import { type ResumableRun, refuseChanged } from "./resumable-run.ts";
import type { RetrainPlan } from "./retrain.ts";
import { RunFolder } from "./run-folder.ts";
import { runNotes } from "./run-notes.ts";
import { buildStepGraph, type StepGraph, type StepOptions } from "./step-graph.ts";
import { StepSession } from "./step-session.ts";
import { retrainSentence, stopSentence } from "./stop-sentence.ts";
import { trainedModel } from "./trained-model.ts";
import { runTrainings } from "./trainings.ts";
import { letCancel, type Turns } from "./turns.ts";
import { WatchedValues } from "./watched-values.ts";

export interface TrainOptions {
  readonly graph: Graph;
  /** The model's path or name, for the start event and the run folder's name. */
  readonly modelName: string;
  readonly config: TrainingConfig;
  /**
   * The graph holds the weights to start from, whatever config.weights says: the run's passes have
   * been applied to fresh ones already.
   */
  readonly prepared: boolean;
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

/** Batches of validation are at least this large, whatever training's are. */
const SMALLEST_EVALUATION_BATCH = 64;

/** best.onnx follows the best epoch no faster than this, in milliseconds; the last one always. */
const SAVING_INTERVAL = 5000;

/** How long a cancelled run may take to measure its model on the test samples, in milliseconds. */
const LONGEST_TEST = 2000;

type StartEvent = Extract<TrainingEvent, { event: "start" }>;

/**
 * Trains a model and saves the best one, telling what happens as events: start, then step and
 * epoch, then stop and done.
 *
 * The same seed gives the same run: weights, split, order and dropout masks are drawn from it, and
 * the runtime's results do not depend on the number of threads.
 *
 * @throws InputError before anything is written where model, data and options do not fit together.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { config, runtime, resume, signal } = options;
  checkConfig(config);
  const data = await openDataset(config.data, LOSSES[config.loss].targetKind);
  await letCancel(signal);
  const plan = planTraining(options.graph, data, config);
  const fingerprint = { model: modelFingerprint(plan.graph), data: dataFingerprint(data) };
  if (resume !== undefined) refuseChanged(resume, fingerprint);
  const stepGraph = await fastestStepGraph(options, plan);
  const fresh = config.weights === "fresh" && !options.prepared;
  const initial = startingWeights(plan, stepGraph, fresh ? config.seed : undefined);
  const evaluation = { ...evaluationOptions(plan, config), fed: [...initial.keys()] };
  const memory = estimateMemory(stepGraph, inferenceGraph(evaluation));
  refuseTooLarge(memory, plan.batchSize, freeMemory());
  const checkpoint = resume?.checkpoint;
  if (checkpoint !== undefined) checkState(checkpoint, stepGraph, resume?.folder);
  await letCancel(signal);
  const step = await StepSession.create(runtime, stepGraph, {
    config,
    initial: checkpoint?.state ?? initial,
    stepsDone: checkpoint?.progress.stepsDone ?? 0,
  });
  try {
    await letCancel(signal);
    const evaluator = await Evaluator.create(runtime, evaluation);
    try {
      await letCancel(signal);
      return await runInFolder(options, { plan, fingerprint, memory, step, evaluator, initial });
    } finally {
      await evaluator.release();
    }
  } finally {
    await step.release();
  }
}

function checkState({ state }: Checkpoint, step: StepGraph, folder: string | undefined): void {
  const wrong = step.state.find(({ name, dims }) => state.get(name)?.length !== elementCount(dims));
  if (wrong !== undefined || state.size !== step.state.length) {
    throw new InputError(
      `the checkpoint does not fit this version's training step${wrong === undefined ? "" : ` (${wrong.name})`}; start the run again`,
      folder,
    );
  }
}

/** With timed recipes where they may be remembered; by rules of thumb where not. */
async function fastestStepGraph(options: TrainOptions, plan: TrainingPlan): Promise<StepGraph> {
  const { config, runtime, resume, signal } = options;
  const begun = resume === undefined ? undefined : keptRecipes(resume.folder);
  const recipeFile = begun ?? options.recipeFile;
  const build = (convolutions: ConvRecipes) =>
    buildStepGraph({ ...stepOptions(plan, config), convolutions });
  if (recipeFile === undefined) {
    return build(usualRecipes({ channelBlock: await channelBlock(runtime) }));
  }
  // A run goes on as it began: what was not timed then is not timed now.
  const until = begun === undefined ? signal : AbortSignal.abort();
  const timing = { runtime, threads: config.threads, file: recipeFile, signal: until };
  return buildWithFastest(timing, build);
}

export function stepOptions(plan: TrainingPlan, config: TrainingConfig): StepOptions {
  const { decayedParameters: decayed } = config;
  const weights = plan.parameters.filter(isLayerWeight).map(({ name }) => name);
  return {
    ...plan,
    config,
    inputShape: [plan.batchSize, ...plan.dataset.sampleShape],
    parameters: plan.parameters.map((parameter) => parameter.name),
    ...(config.statistics.detailsEverySteps === 0 ? {} : { weights }),
    penalized: penalizedValues(plan.parameters, decayed),
    decayed: decayedParameters(plan.parameters, decayed),
    noise: new Set(
      plan.parameters.filter(({ role }) => role === "noise").map((parameter) => parameter.name),
    ),
  };
}

function evaluationOptions(plan: TrainingPlan, config: TrainingConfig) {
  const batchSize = Math.max(plan.batchSize, SMALLEST_EVALUATION_BATCH);
  return {
    ...plan,
    inputShape: [batchSize, ...plan.dataset.sampleShape],
    loss: config.loss,
    threads: config.threads,
  };
}

/**
 * Parameters and running statistics at the first step.
 *
 * @param seed of fresh ones; the file's when undefined.
 */
function startingWeights(plan: TrainingPlan, step: StepGraph, seed: number | undefined): Weights {
  const named = (kind: StateTensor["kind"]) =>
    initialValues(
      plan.graph,
      step.state.filter((tensor) => tensor.kind === kind).map((tensor) => tensor.name),
    );
  const [parameters, states] = [named("parameter"), named("state")];
  if (seed === undefined) return new Map([...parameters, ...states]);
  const fresh = freshParameters(plan.graph, plan.parameters, seed);
  return new Map([...parameters, ...fresh, ...freshStates(plan.graph, states)]);
}

/** What a run works with, ready to go. */
interface RunParts {
  readonly plan: TrainingPlan;
  readonly fingerprint: StartEvent["fingerprint"];
  readonly memory: MemoryEstimate;
  readonly step: StepSession;
  readonly evaluator: Evaluator;
  /** Parameters and running statistics at the run's first step. */
  readonly initial: Weights;
}

async function runInFolder(options: TrainOptions, parts: RunParts): Promise<TrainResult> {
  const { config, graph, resume, signal } = options;
  const { plan, step, evaluator, initial } = parts;
  const { dataset, split } = plan;
  const checkpoint = resume?.checkpoint;
  const folder =
    resume === undefined
      ? await RunFolder.create(options.runsFolder, options.modelName, config)
      : await RunFolder.reopen(resume.folder, checkpoint?.metricsBytes ?? 0);
  if (resume === undefined && options.recipeFile !== undefined) {
    await keepRecipes(options.recipeFile, folder.path);
  }
  const tell = (event: TrainingEvent) => {
    folder.append(event);
    options.onEvent(event);
  };
  try {
    if (checkpoint === undefined) tell(startEvent(options, parts, folder.path));
    for (const event of resume?.events ?? []) options.onEvent(event);
    let lastSaved = Number.NEGATIVE_INFINITY;
    const trainings = await runTrainings({
      config,
      lossSettings: plan.lossSettings,
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
      isPaused: options.isPaused,
      onEvent: tell,
      onBest: async (weights) => {
        if (performance.now() - lastSaved < SAVING_INTERVAL) return;
        await unlessCancelled(signal, folder.saveBest(trainedModel(graph, weights), signal));
        lastSaved = performance.now();
      },
      onCheckpoint: (state) =>
        unlessCancelled(signal, folder.saveCheckpoint(state, folder.metricsBytes, signal)),
      onRetrain: async (again, best) => {
        await folder.saveBest(trainedModel(graph, best));
        tell(retrainEvent(again, plan));
      },
    });
    const { outcome, again } = trainings;
    const { stopping, divergedAt, weights } = outcome;
    const told = folder.metricsBytes;
    const divergence =
      divergedAt === undefined ? undefined : await diverged(options.runtime, step, divergedAt);
    const { bestEpoch } = stopping;
    const retrained = again !== undefined && outcome.reason === "maxEpochs";
    const reason = retrained ? again.reason : outcome.reason;
    const epochs = again?.epochs ?? outcome.epochs;
    const steps = trainings.checkpoint.progress.stepsDone;
    const sentence =
      again === undefined
        ? stopSentence(reason, epochs, stopping, config.earlyStopping, divergence)
        : retrainSentence(outcome.reason, steps, again, divergence);
    const more = divergence === undefined ? {} : { divergence };
    tell({ event: "stop", reason, bestEpoch, epochs, ...more, sentence });
    const model = trainedModel(graph, weights);
    const saved = retrained ? folder.retrainedModel : folder.bestModel;
    await saveModel(model, saved);
    if (options.output !== undefined) await saveModel(model, options.output);
    if (reason === "cancelled") await folder.saveCheckpoint(trainings.checkpoint, told);
    const test = await evaluator.evaluate(dataset, split.test, weights, testTurns(reason));
    tell({
      event: "done",
      model: options.output ?? saved,
      ...(test === undefined ? {} : { testLoss: jsonNumber(test.loss) }),
      ...(test?.accuracy === undefined ? {} : { testAccuracy: jsonNumber(test.accuracy) }),
      run: folder.path,
    });
    if (reason !== "cancelled") await folder.removeCheckpoints();
    return { run: folder.path, bestModel: saved };
  } finally {
    await folder.close();
  }
}

/** An update that spoiled a parameter shows in the loss of the step after it. */
async function diverged(runtime: Runtime, session: StepSession, step: number) {
  const first = await session.firstBadValue(runtime);
  if (first === undefined) return { step };
  return { step: first.kind === "update" ? Math.max(1, step - 1) : step, first };
}

function retrainEvent(again: RetrainPlan, { split, batchSize }: TrainingPlan): TrainingEvent {
  const { steps, reason, bestEpoch, epochs, sentence } = again;
  const samples = split.train.length + split.validation.length;
  return {
    event: "retrain",
    samples,
    steps,
    stepsPerEpoch: stepsPerEpoch(samples, batchSize),
    reason,
    bestEpoch,
    epochs,
    sentence,
  };
}

/** A file that cancelling leaves unwritten is written at the end of the run. */
async function unlessCancelled(signal: AbortSignal, work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** Who cancels does not wait long for a large test part; it is then left out. */
function testTurns(reason: StopReason): Pick<Turns, "cancelled"> {
  const end = reason === "cancelled" ? performance.now() + LONGEST_TEST : Number.POSITIVE_INFINITY;
  return { cancelled: () => Promise.resolve(performance.now() > end) };
}

function startEvent(
  options: TrainOptions,
  { plan, fingerprint, memory }: RunParts,
  run: string,
): TrainingEvent {
  const { split, dataset, parameters, batchSize } = plan;
  const { targets } = dataset;
  const notes = runNotes(options.graph, parameters, options.config);
  return {
    event: "start",
    model: options.modelName,
    run,
    runtime: `${options.runtime.name} ${options.runtime.version}`,
    parameters: parameters.reduce((sum, { dims }) => sum + elementCount(dims), 0),
    samples: {
      train: split.train.length,
      validation: split.validation.length,
      test: split.test.length,
    },
    ...(targets?.kind === "classes" ? { classes: targets.classNames.length } : {}),
    stepsPerEpoch: stepsPerEpoch(split.train.length, batchSize),
    watched: plan.watched,
    ...(notes.length === 0 ? {} : { notes }),
    ...(options.output === undefined ? {} : { output: options.output }),
    fingerprint,
    memory,
    config: options.config,
  };
}
