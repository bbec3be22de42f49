import { inputScalingText } from "../data/input-scaling-note.ts";
import { modelReport } from "../engine/model-report.ts";
import { readModelAsNeeded } from "../formats/registry.ts";
import { groupedDigits } from "../graph/grouped-digits.ts";
import type { Finding, ModelReport, ValueReport } from "../protocol/reports.ts";
import { type AddCommand, print, printJson } from "./command.ts";

/** `inspect MODEL`: summary and findings. */
export const addInspect: AddCommand = (program) => {
  program
    .command("inspect")
    .description("show what a model consists of, and the findings")
    .argument("<model>", "model file")
    .option("--json", "print one JSON object")
    .action(async (model: string, options: { json?: boolean }) => {
      const report = modelReport(await readModelAsNeeded(model));
      if (options.json) printJson(report);
      else printReport(model, report);
    });
};

function printReport(model: string, report: ModelReport): void {
  const size = `${(report.bytes / 2 ** 20).toFixed(1)} MiB`;
  print(`${model}: ${report.format} opset ${report.opset}, ${report.producer || "no producer"}`);
  print(`${report.nodes} nodes, ${groupedDigits(report.parameters)} parameters, ${size}`);
  print(`inputs   ${report.inputs.map(valueText).join(", ")}`);
  print(`outputs  ${report.outputs.map(valueText).join(", ")}`);
  const { inputScaling } = report;
  if (inputScaling !== undefined) {
    print(`inputs are scaled before the model: ${inputScalingText(inputScaling)}`);
  }
  const operators = Object.entries(report.operators).map(([name, count]) => `${name} ${count}`);
  print(`nodes    ${operators.join(", ")}`);
  for (const { node, what, rule } of report.layerRules ?? []) print(`${node}: ${what}: ${rule}`);
  for (const finding of report.findings) print(findingText(finding));
}

function valueText(value: ValueReport): string {
  return `${value.name} ${value.type}[${value.shape.join(",")}]`;
}

function findingText(finding: Finding): string {
  const advice = finding.fix?.title ?? finding.reason;
  return `${finding.severity}: ${finding.message}${advice === undefined ? "" : ` (${advice})`}`;
}
