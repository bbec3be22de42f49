import { type FileFinding, lintModel } from "../engine/model-text/lint.ts";
import { type AddCommand, print, printJson } from "./command.ts";

/** `lint FILE…`: the findings on models, with their place where the file is text. */
export const addLint: AddCommand = (program, setExitCode) => {
  program
    .command("lint")
    .description("list the findings on models; exits with 1 when one of them is an error")
    .argument("<files...>", "model files")
    .option("--json", "print one JSON object")
    .action(async (files: readonly string[], options: { json?: boolean }) => {
      const found: FileFinding[] = [];
      for (const file of files) found.push(...(await lintModel(file)));
      if (options.json) printJson({ findings: found });
      else for (const finding of found) print(findingLine(finding));
      if (found.some(({ severity }) => severity === "error")) setExitCode(1);
    });
};

/** "model.json:12:18: information: …", with lines and columns from 1 as editors count them. */
function findingLine({ file, range, severity, message, fix, reason }: FileFinding): string {
  const start = range?.start;
  const place = start === undefined ? "" : `:${start.line + 1}:${start.character + 1}`;
  const advice = fix?.title ?? reason;
  const more = advice === undefined ? "" : ` (${advice})`;
  return `${file}${place}: ${severity}: ${message}${more}`;
}
