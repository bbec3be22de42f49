import type { TrainingEvent } from "../protocol/training.ts";
import { type AddCommand, printJson } from "./command.ts";
import { DATA_OPTION } from "./data-request.ts";
import { TrainingDisplay } from "./training-display.ts";
import { isTrainingProcess } from "./training-process.ts";
import { superviseTraining } from "./training-supervisor.ts";

export interface TrainCommandOptions {
  readonly output?: string;
  readonly data?: string;
  readonly dataOption?: readonly string[];
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
export const addTrain: AddCommand = (program, setExitCode) => {
  program
    .command("train")
    .description("train a model with early stopping; Ctrl-C keeps the best so far")
    .argument("[model]", "model file; with --resume the run's own where left out")
    .option("-o, --output <file>", "where the best model goes")
    .option("--data <data>", 'data set: a file, a folder, or "digits"')
    .option(...DATA_OPTION)
    .option("--config <file>", "options as JSON; what it leaves out keeps its default")
    .option("--weights <start>", '"fresh" random weights, or "keep" those of the file')
    .option("--seed <number>", "seed of weights, split and order")
    .option("--runs <folder>", "folder for the run's record (default: normlens-runs)")
    .option("--resume <run>", "go on with a run that was cut off or cancelled: its folder")
    .option("--json", "print one JSON object a line")
    .action(async (model: string | undefined, options: TrainCommandOptions) => {
      if (isTrainingProcess()) {
        const { runTraining } = await import("./run-training.ts");
        return runTraining(model, options);
      }
      const code = await superviseTraining(shown(options));
      if (code !== 0) setExitCode(code);
    });
};

/** How a run's events are printed. */
export function shown({ json }: TrainCommandOptions): (event: TrainingEvent) => void {
  if (json) return printJson;
  const display = new TrainingDisplay();
  return (event) => display.show(event);
}
