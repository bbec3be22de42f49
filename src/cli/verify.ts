import { compareModels } from "../engine/certificate/compare-models.ts";
import { readModel } from "../formats/registry.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { type AddCommand, clearProgress, commandContext, print, printJson } from "./command.ts";
import { DATA_OPTION, dataRequest } from "./data-request.ts";

interface VerifyOptions {
  readonly data?: string;
  readonly dataOption?: readonly string[];
  readonly json?: boolean;
}

/** `verify A B`: do two models compute the same function? */
export const addVerify: AddCommand = (program, setExitCode) => {
  program
    .command("verify")
    .description("compare two models: do they compute the same function?")
    .argument("<a>", "model file")
    .argument("<b>", "model file")
    .option("--data <data>", "also compare on this data")
    .option(...DATA_OPTION)
    .option("--json", "print one JSON object")
    .action(async (a: string, b: string, options: VerifyOptions) => {
      const context = commandContext();
      const certificate = await compareModels({
        a: await readModel(a),
        b: await readModel(b),
        runtime: await loadRuntime(),
        signal: context.signal,
        onProgress: context.progress,
        ...(await dataRequest(options)),
      });
      clearProgress();
      if (options.json) printJson(certificate);
      else {
        print(certificate.sentence);
        for (const output of certificate.outputs) {
          print(
            `${output.name}: largest difference ${output.maxAbs}, relative ${output.maxRelative}`,
          );
        }
      }
      if (!certificate.pass) setExitCode(1);
    });
};
