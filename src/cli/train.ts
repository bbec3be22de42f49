import { dirname, resolve } from "node:path";
import type { RequestContext } from "../engine/context.ts";
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
import { type AddCommand, commandContext, printJson } from "./command.ts";
import { TrainingDisplay } from "./training-display.ts";

interface TrainOptions {
  readonly output?: string;
  readonly data?: string;
  readonly config?: string;
  readonly weights?: string;
  readonly seed?: string;
  readonly runs?: string;
  readonly resume?: string;
  readonly json?: boolean;
}

/**
 * `train MODEL --data D -o OUT`: train with early stopping; one JSON object a line.
 * `train --resume RUN`: go on with a run that was cut off.
 */
export const addTrain: AddCommand = (program) => {
  program
    .command("train")
    .description("train a model with early stopping; Ctrl-C keeps the best so far")
    .argument("[model]", "model file; with --resume the run's own where left out")
    .option("-o, --output <file>", "where the best model goes")
    .option("--data <data>", 'data set: a file, or "digits"')
    .option("--config <file>", "options as JSON; what it leaves out keeps its default")
    .option("--weights <start>", '"fresh" random weights, or "keep" those of the file')
    .option("--seed <number>", "seed of weights, split and order")
    .option("--runs <folder>", "folder for the run's record (default: normlens-runs)")
    .option("--resume <run>", "go on with a run that was cut off or cancelled: its folder")
    .option("--json", "print one JSON object a line")
    .action(async (model: string | undefined, options: TrainOptions) => {
      await (options.resume === undefined
        ? startRun(model, options)
        : resumeRun(options.resume, model, options));
    });
};

async function startRun(model: string | undefined, options: TrainOptions): Promise<void> {
  if (model === undefined) throw new InputError("train needs a model, or --resume with a run");
  if (options.output === undefined) {
    throw new InputError("train needs --output, the file where the best model goes");
  }
  const config = await readTrainingConfig(options.config, {
    ...(options.data === undefined ? {} : { data: options.data }),
    ...(options.weights === undefined ? {} : { weights: options.weights }),
    ...(options.seed === undefined ? {} : { seed: Number(options.seed) }),
  });
  const context = commandContext();
  const runs = resolve(options.runs ?? "normlens-runs");
  const output = resolve(options.output);
  if (config.engine === "tensorflow") {
    const request = { path: resolve(model), edits: [], config, runs, output };
    await trainInTensorFlowProcess(request, tellingOf(options, context));
    return;
  }
  await train({
    ...(await preparedModel(await readModel(model), config, context)),
    ...running(options, context),
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
  options: TrainOptions,
): Promise<void> {
  for (const name of ["output", "data", "config", "weights", "seed", "runs"] as const) {
    if (options[name] !== undefined) {
      throw new InputError(
        `--${name}: a run goes on with its own options; leave it out beside --resume`,
      );
    }
  }
  const context = commandContext();
  const started = await readResumableRun(resolve(run));
  if (started.config.engine === "tensorflow") {
    const { config, start } = started;
    const path = model === undefined ? start.model : resolve(model);
    const request = {
      path,
      edits: [],
      config,
      runs: dirname(started.folder),
      resume: started.folder,
    };
    await trainInTensorFlowProcess(request, tellingOf(options, context));
    return;
  }
  const graph = (path: string) => readModel(model ?? path);
  await resumeTraining(resolve(run), { ...running(options, context), graph }, context);
}

function tellingOf(options: TrainOptions, context: RequestContext) {
  return { ...context, trainingEvent: running(options, context).onEvent };
}

function running({ json }: TrainOptions, { signal }: RequestContext) {
  const display = json ? undefined : new TrainingDisplay();
  const onEvent = (event: TrainingEvent) =>
    display === undefined ? printJson(event) : display.show(event);
  return { signal, onEvent, isPaused: () => undefined };
}
