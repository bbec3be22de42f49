import { Command, CommanderError } from "commander";
import type { AddCommand } from "./cli/command.ts";
import { plainText } from "./cli/plain-text.ts";
import { isCancelled } from "./engine/context.ts";
import { InputError } from "./graph/input-error.ts";
import { VERSION } from "./protocol/version.ts";

/**
 * Each command is loaded when it is asked for: folding takes less time than loading all that
 * training needs.
 */
const COMMANDS: ReadonlyMap<string, () => Promise<AddCommand>> = new Map([
  ["inspect", async () => (await import("./cli/inspect.ts")).addInspect],
  ["lint", async () => (await import("./cli/lint.ts")).addLint],
  ["analyze", async () => (await import("./cli/analyze.ts")).addAnalyze],
  ["apply", async () => (await import("./cli/apply.ts")).addApply],
  ["fold", async () => (await import("./cli/fold.ts")).addFold],
  ["verify", async () => (await import("./cli/verify.ts")).addVerify],
  ["convert", async () => (await import("./cli/convert.ts")).addConvert],
  ["train", async () => (await import("./cli/train.ts")).addTrain],
  ["gradients", async () => (await import("./cli/gradients.ts")).addGradients],
  [
    "install-tensorflow",
    async () => (await import("./cli/install-tensorflow.ts")).addInstallTensorFlow,
  ],
  ["data", async () => (await import("./cli/data.ts")).addData],
  ["stats", async () => (await import("./cli/stats.ts")).addStats],
]);

/** The command that the first word names; all of them where it names none, for help and advice. */
async function loadCommands([word = ""]: readonly string[]): Promise<readonly AddCommand[]> {
  if (word === "--version" || word === "-V") return [];
  const named = COMMANDS.get(word);
  const loads = named === undefined ? [...COMMANDS.values()] : [named];
  return Promise.all(loads.map((load) => load()));
}

/**
 * The command line. Exit 0: done; 1: done and the answer is no; 2: bad usage or input, with one
 * line on stderr.
 */
async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("normlens")
    .description("Shows, changes, proves and trains the regularization of neural networks.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  let exitCode = 0;
  const setExitCode = (code: number) => {
    exitCode = code;
  };
  for (const add of await loadCommands(argv)) add(program, setExitCode);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    return refuse(error);
  }
}

function refuse(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    const message = error.code === "commander.help" ? "a command is needed" : error.message;
    process.stderr.write(
      `normlens: ${oneLine(message.replace(/^error: /, ""))} (see normlens --help)\n`,
    );
    return 2;
  }
  if (isCancelled(error)) {
    process.stderr.write("normlens: cancelled; nothing was written\n");
    return 2;
  }
  if (error instanceof InputError) {
    process.stderr.write(`normlens: ${oneLine(error.message)}\n`);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`normlens: this should not have happened: ${oneLine(message)}\n`);
  if (process.env.NORMLENS_DEBUG && error instanceof Error)
    process.stderr.write(`${error.stack}\n`);
  return 2;
}

function oneLine(message: string): string {
  return plainText(message.replace(/\s*\n\s*/g, " "));
}

// A closed pipe (… | head) is the reader's choice, not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
});

process.exitCode = await main(process.argv.slice(2));
