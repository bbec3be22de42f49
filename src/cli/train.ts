import { resolve } from "node:path";
import { preparedModel } from "../engine/prepared-model.ts";
import { readModel } from "../formats/onnx/read.ts";
import type { TrainingEvent } from "../protocol/training.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { readTrainingConfig } from "../training/config.ts";
import { train } from "../training/train.ts";
import { type AddCommand, commandContext, printJson } from "./command.ts";
import { TrainingDisplay } from "./training-display.ts";

interface TrainOptions {
  readonly output: string;
  readonly data?: string;
  readonly config?: string;
  readonly weights?: string;
  readonly seed?: string;
  readonly runs: string;
  readonly json?: boolean;
}

/** `train MODEL --data D -o OUT`: train with early stopping; one JSON object a line. */
export const addTrain: AddCommand = (program) => {
  program
    .command("train")
    .description("train a model with early stopping; Ctrl-C keeps the best so far")
    .argument("<model>", "model file")
    .requiredOption("-o, --output <file>", "where the best model goes")
    .option("--data <data>", 'data set: a file, or "digits"')
    .option("--config <file>", "options as JSON; what it leaves out keeps its default")
    .option("--weights <start>", '"fresh" random weights, or "keep" those of the file')
    .option("--seed <number>", "seed of weights, split and order")
    .option("--runs <folder>", "folder for the run's record", "normlens-runs")
    .option("--json", "print one JSON object a line")
    .action(async (model: string, options: TrainOptions) => {
      const config = await readTrainingConfig(options.config, {
        ...(options.data === undefined ? {} : { data: options.data }),
        ...(options.weights === undefined ? {} : { weights: options.weights }),
        ...(options.seed === undefined ? {} : { seed: Number(options.seed) }),
      });
      const display = options.json ? undefined : new TrainingDisplay(config);
      const onEvent = (event: TrainingEvent) =>
        display === undefined ? printJson(event) : display.show(event);
      const context = commandContext();
      await train({
        ...(await preparedModel(await readModel(model), config, context)),
        modelName: model,
        config,
        runsFolder: resolve(options.runs),
        output: resolve(options.output),
        runtime: await loadRuntime(),
        signal: context.signal,
        isPaused: () => undefined,
        onEvent,
      });
    });
};
