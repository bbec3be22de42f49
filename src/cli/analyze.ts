import { ANALYSES } from "../analyses/registry.ts";
import { analyze } from "../engine/analyze.ts";
import { readModel } from "../formats/registry.ts";
import { type AddCommand, clearProgress, commandContext, print, printJson } from "./command.ts";
import { DATA_OPTION, dataRequest } from "./data-request.ts";
import { settingsOf } from "./settings.ts";
import { printTable } from "./table.ts";

interface AnalyzeOptions {
  readonly set: readonly string[];
  readonly data?: string;
  readonly dataOption?: readonly string[];
  readonly json?: boolean;
}

/** `analyze ANALYSIS MODEL [--data D]`: what a technique would do or does, without changing anything. */
export const addAnalyze: AddCommand = (program) => {
  program
    .command("analyze")
    .description(`look at a model: ${ANALYSES.map((analysis) => analysis.id).join(", ")}`)
    .argument("<analysis>", "the analysis")
    .argument("<model>", "model file")
    .option("--set <key=value...>", "options of the analysis", [])
    .option("--data <data>", "measure on this data")
    .option(...DATA_OPTION)
    .option("--json", "print one JSON object")
    .action(async (analysis: string, model: string, options: AnalyzeOptions) => {
      const request = {
        analysis,
        options: settingsOf(options.set),
        ...(await dataRequest(options)),
      };
      const report = await analyze(await readModel(model), request, commandContext());
      clearProgress();
      if (options.json) {
        printJson(report);
        return;
      }
      for (const sentence of report.sentences) print(sentence);
      for (const table of report.tables) printTable(table);
    });
};
