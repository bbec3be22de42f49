import type { Command } from "commander";
import type { RequestContext } from "../engine/context.ts";
import type { ProgressNotification } from "../protocol/engine.ts";
import { plainText } from "./plain-text.ts";

/** Adds one command to the program; setExitCode is for the answer "no", or another process' code. */
export type AddCommand = (program: Command, setExitCode: (code: number) => void) => void;

/** Writes one JSON value on a line of its own. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function print(line: string): void {
  process.stdout.write(`${plainText(line)}\n`);
}

/**
 * The context of a command: Ctrl-C cancels (a second one kills), progress goes to stderr when a
 * person is looking at it.
 */
export function commandContext(): RequestContext {
  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  return { signal: abort.signal, progress: showProgress, trainingEvent: () => undefined };
}

function showProgress(notification: ProgressNotification): void {
  if (!process.stderr.isTTY) return;
  const share =
    notification.fraction === undefined ? "" : ` ${Math.round(notification.fraction * 100)} %`;
  process.stderr.write(`\r\u001B[K${notification.message}${share}`);
}

export function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001B[K");
}
