import { foldBatchNorm } from "../passes/fold-batch-norm.ts";
import type { AddCommand } from "./command.ts";
import { type PassCommandOptions, runPassOnFile, withPassOptions } from "./pass-command.ts";

/** `fold MODEL -o OUT`: the most frequent pass, without loading the others. */
export const addFold: AddCommand = (program, setExitCode) => {
  const fold = program
    .command("fold")
    .description("fold every BatchNorm that can be folded (apply fold-batch-norm)")
    .argument("<model>", "model file");
  withPassOptions(fold).action(async (model: string, options: PassCommandOptions) => {
    if (!(await runPassOnFile(foldBatchNorm, model, options))) setExitCode(1);
  });
};
