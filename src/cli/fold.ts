import { readModelFile } from "../formats/onnx/model-file.ts";
import type { AddCommand } from "./command.ts";
import { type PassCommandOptions, withPassOptions } from "./pass-options.ts";

/** `fold MODEL -o OUT`: the most frequent pass, without loading the others. */
export const addFold: AddCommand = (program, setExitCode) => {
  const fold = program
    .command("fold")
    .description("fold every BatchNorm that can be folded (apply fold-batch-norm)")
    .argument("<model>", "model file");
  withPassOptions(fold).action(async (model: string, options: PassCommandOptions) => {
    if (!(await foldFile(model, options))) setExitCode(1);
  });
};

/** The file is read while the code is loaded. */
async function foldFile(model: string, options: PassCommandOptions): Promise<boolean> {
  const contents = readModelFile(model);
  // Who waits for it hears of a failure; until then it is not unhandled.
  contents.catch(() => undefined);
  const { runPassOnFile } = await import("./pass-command.ts");
  const { foldBatchNorm } = await import("../passes/fold-batch-norm.ts");
  return runPassOnFile(foldBatchNorm, model, options, contents);
}
