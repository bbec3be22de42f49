import { basename, extname } from "node:path";
import { noPlace } from "../formats/no-place.ts";
import { requireWritable } from "../formats/registry.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import type { ConvRecipes } from "../operators/conv-recipe.ts";
import { usualRecipes } from "../operators/conv-recipes.ts";
import type { TrainResult } from "../protocol/engine.ts";
import type { InputScaling, TrainingConfig } from "../protocol/training.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { planTraining, type TrainingPlan } from "./check-trainable.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { checkConfig } from "./config.ts";
import { channelBlock } from "./conv-machine.ts";
import { Evaluator, inferenceGraph, type Weights } from "./evaluate.ts";
import { buildWithFastest } from "./fastest-recipes.ts";
import { dataFingerprint, modelFingerprint } from "./fingerprint.ts";
import { freshParameters, freshStates } from "./initialize.ts";
import { leftInModel } from "./left-in-model.ts";
import { estimateMemory, freeMemory, refuseTooLarge } from "./memory-estimate.ts";
import { onnxRunParts } from "./onnx-run.ts";
import { openTrainingData } from "./open-training-data.ts";
import type { StateTensor } from "./parameter-updates.ts";
import { initialValues } from "./parameters.ts";
import { keptRecipes } from "./recipe-memory.ts";
import { type RecordedRunOptions, recordedRun } from "./recorded-run.ts";
import { refuseChanged } from "./resumable-run.ts";
import { buildStepGraph, type StepGraph } from "./step-graph.ts";
import { stepOptions } from "./step-options.ts";
import { StepSession } from "./step-session.ts";
import { letCancel } from "./turns.ts";

export interface TrainOptions extends RecordedRunOptions {
  readonly runtime: Runtime;
  /** Remembers which way to compute a convolution was the fastest; left out, none is timed. */
  readonly recipeFile?: string;
  readonly graph: Graph;
  /**
   * The graph holds the weights to start from, whatever config.weights says: the run's passes have
   * been applied to fresh ones already.
   */
  readonly prepared: boolean;
}

/** Batches of validation are at least this large, whatever training's are. */
const SMALLEST_EVALUATION_BATCH = 64;

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
  // Hours of training must not end with a model that cannot be saved.
  if (options.output !== undefined) await requireWritable(options.graph, options.output);
  const { data, inputScaling } = await openTrainingData(config, options.graph);
  await letCancel(signal);
  const plan = planTraining(options.graph, data, config);
  await requireLeftWritable(plan, options, inputScaling);
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
    working: memory.working,
  });
  try {
    await letCancel(signal);
    const evaluator = await Evaluator.create(runtime, evaluation);
    try {
      await letCancel(signal);
      const scaled = inputScaling === undefined ? {} : { inputScaling };
      const run = { plan, fingerprint, memory, step, evaluator, initial, ...scaled };
      return await recordedRun(options, onnxRunParts(options, run));
    } finally {
      await evaluator.release();
    }
  } finally {
    await step.release();
  }
}

/** @throws InputError where the output's format has no place for what the run is to leave in it. */
async function requireLeftWritable(
  plan: TrainingPlan,
  { config, output }: Pick<TrainOptions, "config" | "output">,
  inputScaling: InputScaling | undefined,
): Promise<void> {
  if (output === undefined || !Object.values(config.intoModel).includes(true)) return;
  const scales = config.intoModel.inputScaling && inputScaling !== undefined;
  if (scales && plan.graph.source.format !== "onnx" && extname(output).toLowerCase() !== ".onnx") {
    throw noPlace(
      `intoModel.inputScaling: nothing is put in front of the layers of ${basename(output)}`,
    );
  }
  await requireWritable(leftInModel(plan, config, inputScaling), output);
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
