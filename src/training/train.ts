import { allocateBatch, epochOrder } from "../data/batches.ts";
import { openDataset } from "../data/open-dataset.ts";
import { seededRandom } from "../data/random.ts";
import { saveModel } from "../formats/onnx/write.ts";
import type { Graph } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import type { TrainResult } from "../protocol/engine.ts";
import { jsonNumber } from "../protocol/reports.ts";
import type { TrainingConfig, TrainingEvent } from "../protocol/training.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { planTraining, type TrainingPlan } from "./check-trainable.ts";
import { checkConfig } from "./config.ts";
import { decayedParameters, penalizedValues } from "./decayed-parameters.ts";
import { Evaluator, type Weights } from "./evaluate.ts";
import { freshParameters, freshStates } from "./initialize.ts";
import { stepsPerEpoch, TrainingLoop } from "./loop.ts";
import { LOSSES } from "./losses/table.ts";
import type { StateTensor } from "./parameter-updates.ts";
import { initialValues } from "./parameters.ts";
import { RunFolder } from "./run-folder.ts";
import { runNotes } from "./run-notes.ts";
import { buildStepGraph, type StepGraph, type StepOptions } from "./step-graph.ts";
import { StepSession } from "./step-session.ts";
import { stopSentence } from "./stop-sentence.ts";
import { trainedModel } from "./trained-model.ts";
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
  readonly runtime: Runtime;
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
  const { config, runtime } = options;
  checkConfig(config);
  const data = await openDataset(config.data, LOSSES[config.loss].targetKind);
  const plan = planTraining(options.graph, data, config);
  const stepGraph = buildStepGraph(stepOptions(plan, config));
  const fresh = config.weights === "fresh" && !options.prepared;
  const initial = startingWeights(plan, stepGraph, fresh ? config.seed : undefined);
  const step = await StepSession.create(runtime, stepGraph, { config, initial });
  try {
    const evaluator = await Evaluator.create(runtime, {
      ...evaluationOptions(plan, config),
      fed: [...initial.keys()],
    });
    try {
      return await runInFolder(options, plan, step, evaluator, [...initial.keys()]);
    } finally {
      await evaluator.release();
    }
  } finally {
    await step.release();
  }
}

export function stepOptions(plan: TrainingPlan, config: TrainingConfig): StepOptions {
  const { decayedParameters: decayed } = config;
  return {
    ...plan,
    config,
    inputShape: [plan.batchSize, ...plan.dataset.sampleShape],
    parameters: plan.parameters.map((parameter) => parameter.name),
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

async function runInFolder(
  options: TrainOptions,
  plan: TrainingPlan,
  step: StepSession,
  evaluator: Evaluator,
  weightNames: readonly string[],
): Promise<TrainResult> {
  const { config, graph } = options;
  const { dataset, split } = plan;
  const folder = await RunFolder.create(options.runsFolder, options.modelName, config);
  const tell = (event: TrainingEvent) => {
    folder.append(event);
    options.onEvent(event);
  };
  try {
    tell(startEvent(options, plan, folder.path));
    const order = seededRandom(config.seed, "batches");
    let saved = Number.NEGATIVE_INFINITY;
    const loop = new TrainingLoop({
      config,
      lossSettings: plan.lossSettings,
      dataset,
      split,
      step,
      evaluator,
      weightNames,
      batch: allocateBatch(dataset, plan.batchSize),
      watched: new WatchedValues(graph, config.statistics.bins),
      epochRows: () => epochOrder(split.train, order),
      signal: options.signal,
      isPaused: options.isPaused,
      onEvent: tell,
      onBest: async (weights) => {
        if (performance.now() - saved < SAVING_INTERVAL) return;
        await folder.saveBest(trainedModel(graph, weights));
        saved = performance.now();
      },
    });
    const { reason, epochs, stopping, weights } = await loop.run();
    const sentence = stopSentence(reason, epochs, stopping, config.earlyStopping);
    tell({ event: "stop", reason, bestEpoch: stopping.bestEpoch, epochs, sentence });
    const model = trainedModel(graph, weights);
    await folder.saveBest(model);
    if (options.output !== undefined) await saveModel(model, options.output);
    const test = await evaluator.evaluate(dataset, split.test, weights);
    tell({
      event: "done",
      model: options.output ?? folder.bestModel,
      testLoss: jsonNumber(test.loss),
      ...(test.accuracy === undefined ? {} : { testAccuracy: jsonNumber(test.accuracy) }),
      run: folder.path,
    });
    return { run: folder.path, bestModel: folder.bestModel };
  } finally {
    folder.close();
  }
}

function startEvent(options: TrainOptions, plan: TrainingPlan, run: string): TrainingEvent {
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
    config: options.config,
  };
}
