import type { AddCommand } from "./command.ts";
import { type PassCommandOptions, withPassOptions } from "./pass-options.ts";

/** `fold MODEL -o OUT`: the most frequent pass, without loading the others. */
export const addFold: AddCommand = (program, setExitCode) => {
  const fold = program
    .command("fold")
    .description("fold every BatchNorm that can be folded (apply fold-batch-norm)")
    .argument("<model>", "model file");
  withPassOptions(fold).action(async (model: string, options: PassCommandOptions) => {
    const { runPassOnFile } = await import("./pass-command.ts");
    const { foldBatchNorm } = await import("../passes/fold-batch-norm.ts");
    if (!(await runPassOnFile(foldBatchNorm, model, options))) setExitCode(1);
  });
};
