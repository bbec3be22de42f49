import { dirname, resolve } from "node:path";
import { preparedModel } from "../engine/prepared-model.ts";
import { resumeTraining } from "../engine/resume-training.ts";
import { trainInTensorFlowProcess } from "../engine/tensorflow/relay.ts";
import { readModel } from "../formats/registry.ts";
import { InputError } from "../graph/input-error.ts";
import type { TrainingEvent } from "../protocol/training.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { readTrainingConfig } from "../training/config.ts";
import { recipeFile } from "../training/recipe-memory.ts";
import { readResumableRun } from "../training/resumable-run.ts";
import { train } from "../training/train.ts";
import { commandContext } from "./command.ts";
import { givenDataOptions } from "./data-options.ts";
import { shown, type TrainCommandOptions } from "./train.ts";
import { underSupervision } from "./training-process.ts";

/** What the process that trains does: starts a run, or goes on with one. */
export async function runTraining(
  model: string | undefined,
  options: TrainCommandOptions,
): Promise<void> {
  await (options.resume === undefined
    ? startRun(model, options)
    : resumeRun(options.resume, model, options));
}

async function startRun(model: string | undefined, options: TrainCommandOptions): Promise<void> {
  if (model === undefined) throw new InputError("train needs a model, or --resume with a run");
  if (options.output === undefined) {
    throw new InputError("train needs --output, the file where the best model goes");
  }
  const config = await readTrainingConfig(options.config, {
    ...(options.data === undefined ? {} : { data: options.data }),
    ...(options.dataOption === undefined
      ? {}
      : { dataOptions: givenDataOptions(options.dataOption) }),
    ...(options.weights === undefined ? {} : { weights: options.weights }),
    ...(options.seed === undefined ? {} : { seed: Number(options.seed) }),
  });
  const { context, running, relayed } = underway(options);
  const runs = resolve(options.runs ?? "normlens-runs");
  const output = resolve(options.output);
  if (config.engine === "tensorflow") {
    const request = { path: resolve(model), edits: [], config, runs, output };
    await trainInTensorFlowProcess(request, { ...context, ...relayed() });
    return;
  }
  await train({
    ...(await preparedModel(await readModel(model), config, context)),
    ...running,
    modelName: resolve(model),
    config,
    runsFolder: runs,
    output,
    runtime: await loadRuntime(),
    recipeFile: recipeFile(),
  });
}

/** A run goes on with what it began with; an option that says otherwise is a misunderstanding. */
async function resumeRun(
  run: string,
  model: string | undefined,
  options: TrainCommandOptions,
): Promise<void> {
  for (const name of [
    "output",
    "data",
    "dataOption",
    "config",
    "weights",
    "seed",
    "runs",
  ] as const) {
    if (options[name] !== undefined) {
      throw new InputError(
        `--${name === "dataOption" ? "data-option" : name}: a run goes on with its own options; leave it out beside --resume`,
      );
    }
  }
  const { context, running, relayed } = underway(options);
  const started = await readResumableRun(resolve(run));
  if (started.config.engine === "tensorflow") {
    const { config, start, folder: resume } = started;
    const path = model === undefined ? start.model : resolve(model);
    const request = { path, edits: [], config, runs: dirname(resume), resume };
    await trainInTensorFlowProcess(request, { ...context, ...relayed() });
    return;
  }
  const graph = (path: string) => readModel(model ?? path);
  await resumeTraining(resolve(run), { ...running, graph }, context);
}

/** What both ways of running share: the supervisor cancels, events are shown and told to it. */
function underway(options: TrainCommandOptions) {
  const { signal, tell, onlyRelays } = underSupervision();
  const show = shown(options);
  const onEvent = (event: TrainingEvent) => {
    show(event);
    tell(event);
  };
  const context = { ...commandContext(), signal };
  const relayed = () => {
    onlyRelays();
    return { signal, trainingEvent: onEvent };
  };
  return { context, running: { signal, onEvent, isPaused: () => undefined }, relayed };
}
