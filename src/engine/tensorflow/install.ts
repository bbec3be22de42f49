import { spawn } from "node:child_process";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { InputError } from "../../graph/input-error.ts";
import { TENSORFLOW_PACKAGE, TENSORFLOW_VARIABLE } from "../../runtime/tensorflow.ts";
import { Cancelled, type RequestContext } from "../context.ts";
import { TensorFlowProcess } from "./process.ts";

export interface InstalledTensorFlow {
  readonly folder: string;
  /** For example "TensorFlow 2.9.1 (tfjs-node 4.22.0)". */
  readonly version: string;
}

/** What this version of NormLens is tested with. */
const VERSION = "4.22.0";

/**
 * Without a manifest npm would install into the nearest folder above that has one. Newer versions of
 * npm run only the installation scripts that it allows; tfjs-node's downloads the library.
 */
const MANIFEST = { private: true, allowScripts: { [TENSORFLOW_PACKAGE]: true } };

/** npm's own notes on versions and notices, which are no reason for a failure. */
const NOT_A_REASON = /^(code|errno|syscall|path|command|A complete log|This is a problem|$)/;

/**
 * Has npm install tfjs-node, whose own installation downloads TensorFlow's library (about 400 MB on
 * the disk), tries it in a process of its own, and only then puts it in place.
 *
 * @param folder gets node_modules; what it held before is replaced.
 * @throws InputError where npm is missing or fails, with its reason, or the library does not load.
 *   The folder is then as it was.
 */
export async function installTensorFlow(
  folder: string,
  { signal, progress }: Pick<RequestContext, "signal" | "progress">,
): Promise<InstalledTensorFlow> {
  const temporary = `${folder}.${process.pid}`;
  try {
    await mkdir(temporary, { recursive: true });
    await writeFile(join(temporary, "package.json"), JSON.stringify(MANIFEST));
    progress({ message: "Downloading TensorFlow" });
    await runNpm(temporary, signal, (line) => {
      if (/libtensorflow/.test(line)) progress({ message: "Downloading TensorFlow's library" });
      if (/Building/.test(line)) progress({ message: "Setting up TensorFlow" });
    });
    progress({ message: "Trying TensorFlow" });
    const version = await tried(temporary);
    await mkdir(dirname(folder), { recursive: true });
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
    return { folder, version };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (/^E[A-Z]+$/.test(code))
      throw new InputError(`TensorFlow cannot be installed: ${(error as Error).message}`, folder);
    throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function runNpm(
  folder: string,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  const options = ["--no-audit", "--no-fund", "--foreground-scripts", "--loglevel=error"];
  const child = spawn("npm", ["install", ...options, `${TENSORFLOW_PACKAGE}@${VERSION}`], {
    cwd: folder,
    // npm is a script there, which only a shell runs; the arguments are constants.
    shell: process.platform === "win32",
    // A group of its own, so that cancelling reaches the download that npm's script starts.
    detached: process.platform !== "win32",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      onLine(line);
    });
  }
  const stop = () => endGroup(child.pid);
  signal.addEventListener("abort", stop);
  try {
    if (signal.aborted) stop();
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (signal.aborted) throw new Cancelled();
    if (code !== 0) {
      throw new InputError(`npm could not install TensorFlow: ${reasonIn(lines)}`);
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new InputError(
      "npm was not found; TensorFlow is installed with npm, which comes with Node.js (nodejs.org)",
    );
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function endGroup(processId: number | undefined): void {
  if (processId === undefined) return;
  try {
    process.kill(process.platform === "win32" ? processId : -processId);
  } catch {
    return;
  }
}

/** The first error that a person can do something about; scripts print theirs before npm does. */
function reasonIn(lines: readonly string[]): string {
  const errors = lines.flatMap(
    (line) => /\b(?:[A-Za-z]*Error|ERR!|error)\b:? (.*)/.exec(line)?.[1] ?? [],
  );
  return errors.find((line) => !NOT_A_REASON.test(line.trim()))?.trim() ?? "npm gave no reason";
}

/** @returns the version. @throws InputError where it does not load. */
async function tried(folder: string): Promise<string> {
  const child = new TensorFlowProcess({ [TENSORFLOW_VARIABLE]: folder });
  try {
    return (await child.request("runtime", {})).version;
  } finally {
    child.stop();
  }
}
