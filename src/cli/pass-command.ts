import { resolve } from "node:path";
import { savingIn } from "../engine/context.ts";
import { runPass } from "../engine/run-pass.ts";
import { forTarget, readModelAsNeeded, saveModel } from "../formats/registry.ts";
import { groupedDigits } from "../graph/grouped-digits.ts";
import type { Pass } from "../passes/pass.ts";
import type { PassReport } from "../protocol/reports.ts";
import { clearProgress, commandContext, print, printJson } from "./command.ts";
import { dataRequest } from "./data-request.ts";
import type { PassCommandOptions } from "./pass-options.ts";
import { settingsOf } from "./settings.ts";
import { printTable } from "./table.ts";

/**
 * Applies a pass to a file and writes and prints what came of it.
 *
 * @returns false when the certificate failed; then nothing is written.
 */
export async function runPassOnFile(
  pass: Pass,
  model: string,
  options: PassCommandOptions,
): Promise<boolean> {
  const graph = forTarget(await readModelAsNeeded(model), options.output);
  const context = commandContext();
  const request = {
    options: settingsOf(options.set),
    verify: options.verify,
    ...(options.sites === undefined ? {} : { sites: options.sites.split(",") }),
    ...(await dataRequest(options)),
  };
  const { graph: changed, report } = await runPass(graph, pass, request, context);
  const passed = report.certificate?.pass ?? true;
  if (passed) await saveModel(changed, resolve(options.output), savingIn(context));
  clearProgress();
  if (options.json) printJson(report);
  else printPassReport(report, passed ? options.output : undefined);
  return passed;
}

function printPassReport(report: PassReport, output: string | undefined): void {
  for (const site of report.applied) print(`${site.node} → ${site.into}`);
  for (const site of report.skipped) print(`left ${site.node}: ${site.reason}`);
  if (report.applied.length === 0) print(`${report.pass}: nothing is left to do.`);
  const { before, after } = report;
  print(
    `${before.nodes} → ${after.nodes} nodes, ${groupedDigits(before.parameters)} → ${groupedDigits(after.parameters)} parameters`,
  );
  if (report.statement !== undefined) print(report.statement);
  for (const table of report.tables ?? []) printTable(table);
  if (report.certificate !== undefined) print(report.certificate.sentence);
  print(
    output === undefined
      ? "Nothing was written, because the comparison failed; --no-verify writes all the same."
      : `Wrote ${output} in ${(report.elapsedMs / 1000).toFixed(2)} s.`,
  );
}
