import { spawn } from "node:child_process";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
  /** From the interruption to the end of the process; undefined where there was none. */
  readonly secondsToEnd?: number;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sent as soon as standard output matches. */
  readonly interruptAt?: RegExp;
  /** So many milliseconds later. */
  readonly interruptDelay?: number;
}

/** Runs the built command line as a user does, in a process of its own. */
export async function normlens(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(REPOSITORY, "dist/cli.js"), ...args], {
    cwd: options.cwd ?? REPOSITORY,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let interrupted: number | undefined;
  let ended: number | undefined;
  const interrupt = () => {
    interrupted = performance.now();
    child.kill("SIGINT");
  };
  let waiting: NodeJS.Timeout | undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (waiting === undefined && options.interruptAt?.test(stdout)) {
      waiting = setTimeout(interrupt, options.interruptDelay ?? 0);
    }
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", () => {
      ended = performance.now();
      clearTimeout(waiting);
    });
    child.on("close", resolve);
  });
  const seconds = (performance.now() - start) / 1000;
  if (interrupted === undefined || ended === undefined) return { code, stdout, stderr, seconds };
  return { code, stdout, stderr, seconds, secondsToEnd: (ended - interrupted) / 1000 };
}
