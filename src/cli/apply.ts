import { findPass, PASSES } from "../passes/registry.ts";
import type { AddCommand } from "./command.ts";
import { runPassOnFile } from "./pass-command.ts";
import { type PassCommandOptions, withPassOptions } from "./pass-options.ts";

/** `apply PASS MODEL -o OUT`: changes a model by any pass. */
export const addApply: AddCommand = (program, setExitCode) => {
  const apply = program
    .command("apply")
    .description(`change a model by one pass: ${PASSES.map((pass) => pass.id).join(", ")}`)
    .argument("<pass>", "the pass")
    .argument("<model>", "model file");
  withPassOptions(apply).action(
    async (pass: string, model: string, options: PassCommandOptions) => {
      if (!(await runPassOnFile(findPass(pass), model, options))) setExitCode(1);
    },
  );
};
