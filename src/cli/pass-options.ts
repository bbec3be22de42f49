import type { Command } from "commander";
import { DATA_OPTION } from "./data-request.ts";

/** What a command that runs a pass is told. */
export interface PassCommandOptions {
  readonly output: string;
  readonly set: readonly string[];
  readonly sites?: string;
  readonly data?: string;
  readonly dataOption?: readonly string[];
  readonly verify: boolean;
  readonly json?: boolean;
}

export function withPassOptions(command: Command): Command {
  return command
    .requiredOption("-o, --output <file>", "where the changed model goes")
    .option("--set <key=value...>", "options of the pass", [])
    .option("--sites <names>", "places to change, separated by commas; all by default")
    .option("--data <data>", "measure on this data, and compare on it too")
    .option(...DATA_OPTION)
    .option("--no-verify", "do not compare the changed model with the original")
    .option("--json", "print one JSON object");
}
