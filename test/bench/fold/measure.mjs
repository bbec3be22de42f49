import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const USAGE = join(dirname(fileURLToPath(import.meta.url)), "report-usage.mjs");

/**
 * Runs a Node script in a process of its own.
 *
 * @param {readonly string[]} args script and arguments.
 * @param {number} [limitSeconds] the process is ended after this time.
 * @returns {Promise<{ seconds: number, cpuSeconds: number, peakBytes: number, output: string } |
 *   undefined>} time from start to end, processor time of all threads, the largest resident memory,
 *   and standard output; undefined when the limit ended it.
 */
export async function measure(args, limitSeconds = Number.POSITIVE_INFINITY) {
  const start = performance.now();
  const child = spawn(process.execPath, ["--import", USAGE, ...args], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  let usage = "";
  let output = "";
  let errors = "";
  let late = false;
  child.stdio[3]?.on("data", (text) => {
    usage += text;
  });
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const limit = Number.isFinite(limitSeconds)
    ? setTimeout(() => {
        late = true;
        child.kill("SIGKILL");
      }, limitSeconds * 1000)
    : undefined;
  const code = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  clearTimeout(limit);
  if (late) return undefined;
  if (code !== 0) throw new Error(`${args.join(" ")} failed: ${errors.trim().slice(-600)}`);
  return { seconds: (performance.now() - start) / 1000, output, ...JSON.parse(usage) };
}
