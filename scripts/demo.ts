import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { reportHtml } from "../src/host/training/report-html.ts";
import { readEvents } from "../src/host/training/run-files.ts";
import type { PassReport } from "../src/protocol/reports.ts";

/**
 * The main job without a window: fold a sample with a certificate, train it to its early stop, and
 * write a stand-alone report. `npm run demo` builds first.
 */
const repository = resolve(fileURLToPath(import.meta.url), "../../../..");
const results = join(repository, "demo-results");
const model = join(repository, "media/samples/digits-cnn.onnx");

/** The demo is one job: Ctrl-C ends its child with it, and its own training in one piece. */
let running: ChildProcess | undefined;
process.on("SIGINT", () => running?.kill("SIGINT"));

async function normlens(args: readonly string[], stdout: "pipe" | "inherit"): Promise<string> {
  console.log(`\n$ normlens ${args.map((arg) => arg.replace(`${repository}/`, "")).join(" ")}`);
  const child = spawn(process.execPath, [join(repository, "dist/cli.js"), ...args], {
    stdio: ["ignore", stdout, "inherit"],
  });
  running = child;
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const code = await new Promise<number | null>((done, failed) => {
    child.on("error", failed);
    child.on("close", done);
  });
  if (code !== 0) throw new Error(`normlens ${args[0]} ended with exit code ${code}`);
  return output;
}

await rm(results, { recursive: true, force: true });
await mkdir(results, { recursive: true });

const best = join(results, "digits-cnn-best.onnx");
const runs = join(results, "runs");
await normlens(["inspect", model], "inherit");
await normlens(["train", model, "--data", "digits", "-o", best, "--runs", runs], "inherit");
const folded = join(results, "digits-cnn-folded.onnx");
const fold: PassReport = JSON.parse(
  await normlens(["fold", best, "-o", folded, "--data", "digits", "--json"], "pipe"),
);
console.log(`${fold.applied.length} BatchNorms folded. ${fold.certificate?.sentence}`);
await normlens(["verify", best, folded, "--data", "digits"], "inherit");

const report = join(results, "report.html");
const [run = ""] = await readdir(runs);
await writeFile(
  report,
  await reportHtml(repository, {
    title: "digits-cnn: trained with early stopping, BatchNorm folded",
    model: "media/samples/digits-cnn.onnx",
    passes: [fold],
    events: await readEvents(join(runs, run)),
  }),
);
console.log(`\nReport: ${report}`);
