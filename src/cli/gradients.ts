import { resolve } from "node:path";
import { writeGradients } from "../engine/gradients.ts";
import { readModel } from "../formats/registry.ts";
import { type AddCommand, commandContext, print, printJson } from "./command.ts";
import { givenDataOptions } from "./data-options.ts";
import { DATA_OPTION } from "./data-request.ts";

interface GradientsOptions {
  readonly data: string;
  readonly dataOption?: readonly string[];
  readonly loss: string;
  readonly mode: string;
  readonly output: string;
  readonly json?: boolean;
}

/** `gradients MODEL --data D --loss L -o G.npz`: the gradient of the loss for each parameter. */
export const addGradients: AddCommand = (program) => {
  program
    .command("gradients")
    .description("the gradient of a loss for each parameter, all of the data as one batch")
    .argument("<model>", "model file")
    .requiredOption("--data <data>", 'data set: a file, a folder, or "digits"')
    .option(...DATA_OPTION)
    .requiredOption("--loss <loss>", "cross-entropy, mean-squared-error, … as in training")
    .option("--mode <mode>", '"train": batch statistics and dropout; or "inference"', "train")
    .requiredOption("-o, --output <file>", "the .npz file that gets one array a parameter")
    .option("--json", "print one JSON object")
    .action(async (model: string, { json, output, dataOption, ...options }: GradientsOptions) => {
      const request = {
        ...options,
        dataOptions: givenDataOptions(dataOption),
        output: resolve(output),
      };
      const report = await writeGradients(await readModel(model), request, commandContext());
      if (json) {
        printJson(report);
        return;
      }
      print(`loss ${report.loss}`);
      for (const { name, shape, norm } of report.gradients) {
        print(`${name} [${shape.join(", ")}]: norm ${norm}`);
      }
    });
};
