import { dataReport } from "../engine/data-report.ts";
import { readModel } from "../formats/registry.ts";
import { groupedDigits } from "../graph/grouped-digits.ts";
import type { DataReport } from "../protocol/data-report.ts";
import { fromJsonNumber, type JsonNumber } from "../protocol/reports.ts";
import { readTrainingConfig } from "../training/config.ts";
import { type AddCommand, clearProgress, commandContext, print, printJson } from "./command.ts";
import { givenDataOptions } from "./data-options.ts";
import { DATA_OPTION } from "./data-request.ts";
import { printTable } from "./table.ts";

interface DataCommandOptions {
  readonly model?: string;
  readonly config?: string;
  readonly dataOption?: readonly string[];
  readonly json?: boolean;
}

/** `data D`: what a data set holds, and what may be wrong with it. */
export const addData: AddCommand = (program) => {
  program
    .command("data")
    .description("show what a data set holds and what may be wrong with it")
    .argument("<data>", 'data set: a file, a folder, or "digits"')
    .option("--model <model>", "the model it is for: its input's size, and what it has seen")
    .option("--config <file>", "options of a run as JSON: split, seed, scaling, how data is read")
    .option(...DATA_OPTION)
    .option("--json", "print one JSON object")
    .action(async (data: string, options: DataCommandOptions) => {
      const dataOptions = givenDataOptions(options.dataOption);
      const config = await readTrainingConfig(options.config, { data, dataOptions });
      const { loss, ...request } = config;
      const report = await dataReport(
        // Without a run's configuration nothing says that targets are classes.
        options.config === undefined ? request : { ...request, loss },
        options.model === undefined ? undefined : await readModel(options.model),
        commandContext(),
      );
      clearProgress();
      if (options.json) printJson(report);
      else printReport(report);
    });
};

function printReport(report: DataReport): void {
  const { parts, values } = report;
  const shape = report.sampleShape.join("×") || "1";
  const targets = {
    classes: `, ${counted(report.classCount, "class", "classes")}`,
    numbers: ", numbers as targets",
    none: ", no targets",
  }[report.targets];
  print(`${report.name}: ${counted(report.samples, "sample")} of ${shape}${targets}`);
  const own = report.ownParts ? " (the data set has parts of its own)" : "";
  print(
    `training ${groupedDigits(parts.train)}, validation ${groupedDigits(parts.validation)}, test ${groupedDigits(parts.test)}${own}`,
  );
  print(
    `numbers ${short(values.min)} … ${short(values.max)}, mean ${short(values.mean)}, deviation ${short(values.std)}`,
  );
  if (report.classes.length > 0) printTable(classTable(report));
  if (report.groupKind !== "whole") printTable(groupTable(report));
  print("");
  for (const { message } of report.warnings) print(`warning: ${message}`);
  if (report.warnings.length === 0) print("No warnings.");
}

function classTable({ classes }: DataReport) {
  const rows = classes.map(
    ({ name, parts }) => [name, parts.train, parts.validation, parts.test] as const,
  );
  return { title: "Classes", columns: ["class", "training", "validation", "test"], rows };
}

function groupTable({ groups, groupKind }: DataReport) {
  const rows = groups.map(({ name, mean, std, min, max }) => [name, mean, std, min, max] as const);
  const title = groupKind === "channel" ? "Channels" : "Features";
  return { title, columns: [groupKind, "mean", "deviation", "min", "max"], rows };
}

/** "1 sample", "1,797 samples". */
function counted(count: number, one: string, many = `${one}s`): string {
  return `${groupedDigits(count)} ${count === 1 ? one : many}`;
}

function short(value: JsonNumber): string {
  return String(Number(fromJsonNumber(value).toPrecision(4)));
}
