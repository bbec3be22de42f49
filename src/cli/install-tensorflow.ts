import { tensorFlowFolder } from "../engine/tensorflow/folder.ts";
import { installTensorFlow } from "../engine/tensorflow/install.ts";
import { type AddCommand, clearProgress, commandContext, print, printJson } from "./command.ts";

/** `install-tensorflow`: the second engine, for TF.js layers models. */
export const addInstallTensorFlow: AddCommand = (program) => {
  program
    .command("install-tensorflow")
    .description('install TensorFlow, which trains TF.js layers models with engine "tensorflow"')
    .option("--json", "print one JSON object")
    .action(async ({ json }: { readonly json?: boolean }) => {
      const installed = await installTensorFlow(tensorFlowFolder(), commandContext());
      clearProgress();
      if (json) printJson(installed);
      else print(`${installed.version} is installed in ${installed.folder}`);
    });
};
