import { resolve } from "node:path";
import { convertModel } from "../engine/convert.ts";
import { readModel } from "../formats/registry.ts";
import { type AddCommand, clearProgress, commandContext, print, printJson } from "./command.ts";
import { DATA_OPTION, dataRequest } from "./data-request.ts";

interface ConvertOptions {
  readonly output: string;
  readonly verify: boolean;
  readonly data?: string;
  readonly dataOption?: readonly string[];
  readonly json?: boolean;
}

/** `convert IN -o OUT`: the same model in another format. */
export const addConvert: AddCommand = (program, setExitCode) => {
  program
    .command("convert")
    .description("write a model in the format that the output's ending names")
    .argument("<model>", "model file")
    .requiredOption(
      "-o, --output <file>",
      "target: .onnx, .json (TensorFlow.js layers), .keras, .h5",
    )
    .option("--data <data>", "also compare on this data")
    .option(...DATA_OPTION)
    .option("--no-verify", "write without comparing the result with the model")
    .option("--json", "print one JSON object")
    .action(async (model: string, options: ConvertOptions) => {
      const { output, verify } = options;
      const request = { target: resolve(output), verify, ...(await dataRequest(options)) };
      const report = await convertModel(await readModel(model), request, commandContext());
      const passed = report.certificate?.pass ?? true;
      clearProgress();
      if (options.json) printJson(report);
      else {
        if (report.certificate !== undefined) print(report.certificate.sentence);
        print(
          passed
            ? `Wrote ${output} (${report.from} → ${report.to}, ${report.nodes} nodes).`
            : "Nothing was written, because the comparison failed; --no-verify writes all the same.",
        );
      }
      if (!passed) setExitCode(1);
    });
};
