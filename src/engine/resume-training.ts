import { dirname } from "node:path";
import type { Graph } from "../graph/graph.ts";
import type { TrainResult } from "../protocol/engine.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { recipeFile } from "../training/recipe-memory.ts";
import { readResumableRun } from "../training/resumable-run.ts";
import { type TrainOptions, train } from "../training/train.ts";
import type { RequestContext } from "./context.ts";
import { preparedModel } from "./prepared-model.ts";

export interface ResumedTraining extends Pick<TrainOptions, "signal" | "onEvent" | "isPaused"> {
  /** The model the run began with, before its passes. @param path where it was then. */
  graph(path: string): Promise<Graph>;
}

/**
 * Goes on with a run that was cut off or cancelled, and ends with what it would have ended with.
 *
 * @param folder of the run.
 * @throws InputError where the run has ended, or its model, data or options were changed meanwhile.
 */
export async function resumeTraining(
  folder: string,
  { graph, ...running }: ResumedTraining,
  context: RequestContext,
): Promise<TrainResult> {
  const run = await readResumableRun(folder);
  const { model, output } = run.start;
  return train({
    ...running,
    ...(await preparedModel(await graph(model), run.config, context)),
    modelName: model,
    config: run.config,
    resume: run,
    runsFolder: dirname(folder),
    runtime: await loadRuntime(),
    recipeFile: recipeFile(),
    ...(output === undefined ? {} : { output }),
  });
}
