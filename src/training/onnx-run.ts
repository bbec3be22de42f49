import { saveModel } from "../formats/registry.ts";
import type { Graph } from "../graph/graph.ts";
import type { InputScaling, MemoryEstimate, TrainingConfig } from "../protocol/training.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { TrainingPlan } from "./check-trainable.ts";
import type { Evaluator, Weights } from "./evaluate.ts";
import { leftInModel } from "./left-in-model.ts";
import { keepRecipes } from "./recipe-memory.ts";
import type { RunParts } from "./recorded-run.ts";
import type { ResumableRun } from "./resumable-run.ts";
import { type StartEvent, startEvent } from "./run-events.ts";
import { RUN_FILES } from "./run-folder.ts";
import type { StepSession } from "./step-session.ts";
import { trainedModel } from "./trained-model.ts";
import { WatchedValues } from "./watched-values.ts";

export interface OnnxRunOptions {
  readonly modelName: string;
  readonly config: TrainingConfig;
  readonly output?: string;
  readonly resume?: ResumableRun;
  readonly runtime: Runtime;
  readonly recipeFile?: string;
}

/** An ONNX model on ONNX Runtime, ready to train. */
export interface OnnxRun {
  readonly plan: TrainingPlan;
  readonly fingerprint: StartEvent["fingerprint"];
  readonly memory: MemoryEstimate;
  /** What was made of the data's samples. */
  readonly inputScaling?: InputScaling;
  readonly step: StepSession;
  readonly evaluator: Evaluator;
  /** Parameters and running statistics at the run's first step. */
  readonly initial: Weights;
}

export function onnxRunParts(options: OnnxRunOptions, run: OnnxRun): RunParts {
  const { config, runtime, resume, recipeFile, modelName: model, output } = options;
  const { plan, step } = run;
  const { edges } = resume?.checkpoint?.progress ?? {};
  const left = leftInModel(plan, config, run.inputScaling);
  return {
    ...plan,
    ...run,
    watched: new WatchedValues(plan.graph, config.statistics.bins, edges),
    models: onnxModels(left),
    start: (folder) => startEvent({ ...run, config, runtime, model, run: folder, output }),
    divergence: (divergedAt) => divergence(runtime, step, divergedAt),
    ...(recipeFile === undefined
      ? {}
      : { prepareFolder: (folder) => keepRecipes(recipeFile, folder) }),
  };
}

function onnxModels(graph: Graph): RunParts["models"] {
  return {
    best: RUN_FILES.best,
    retrained: RUN_FILES.retrained,
    save: async (weights, path, signal) => {
      await saveModel(trainedModel(graph, weights), path, signal === undefined ? {} : { signal });
    },
  };
}

/** An update that spoiled a parameter shows in the loss of the step after it. */
async function divergence(runtime: Runtime, session: StepSession, step: number) {
  const first = await session.firstBadValue(runtime);
  if (first === undefined) return { step };
  return { step: first.kind === "update" ? Math.max(1, step - 1) : step, first };
}
