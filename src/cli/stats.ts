import { readModel } from "../formats/registry.ts";
import type { ValueStatistics } from "../protocol/reports.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { modelStatistics } from "../training/model-statistics.ts";
import { type AddCommand, commandContext, print, printJson } from "./command.ts";
import { givenDataOptions } from "./data-options.ts";
import { DATA_OPTION } from "./data-request.ts";

interface StatsOptions {
  readonly data: string;
  readonly dataOption?: readonly string[];
  readonly nodes?: string;
  readonly json?: boolean;
}

/** `stats MODEL --data D`: activation statistics. */
export const addStats: AddCommand = (program) => {
  program
    .command("stats")
    .description("show statistics of a model's activations on data")
    .argument("<model>", "model file")
    .requiredOption("--data <data>", 'data set: a file, a folder, or "digits"')
    .option(...DATA_OPTION)
    .option("--nodes <names>", "nodes or values, separated by commas")
    .option("--json", "print one JSON object")
    .action(async (model: string, options: StatsOptions) => {
      const values = await modelStatistics({
        graph: await readModel(model),
        data: options.data,
        dataOptions: givenDataOptions(options.dataOption),
        runtime: await loadRuntime(),
        signal: commandContext().signal,
        ...(options.nodes === undefined ? {} : { nodes: options.nodes.split(",") }),
      });
      if (options.json) printJson({ values });
      else for (const value of values) print(statisticsText(value));
    });
};

function statisticsText(value: ValueStatistics): string {
  const number = (item: number | string) => (typeof item === "number" ? item.toPrecision(4) : item);
  const zeros = ((100 * value.zeros) / Math.max(value.count, 1)).toFixed(1);
  return `${value.name}: mean ${number(value.mean)}, std ${number(value.std)}, ${number(value.min)} … ${number(value.max)}, zeros ${zeros} %, NaN ${value.nan}, Inf ${value.inf}`;
}
