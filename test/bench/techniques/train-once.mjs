import { execFileSync } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(fileURLToPath(import.meta.url), "..", "..", "..", "..");
export const model = join(root, "media", "samples", "digits-mlp.onnx");

/** More epochs than any technique needs, so that each run ends by early stopping. */
const MOST_EPOCHS = 500;

/**
 * Trains the lecture's network once, by the command line as a user would.
 *
 * @param folder an empty folder of the caller's, for the run and its model.
 * @returns the run's events and its folder.
 */
export async function trainOnce(folder, options, seed) {
  const config = join(folder, "config.json");
  await writeFile(config, JSON.stringify({ maxEpochs: MOST_EPOCHS, threads: 1, ...options, seed }));
  const runs = join(folder, "runs");
  const output = execFileSync(
    "node",
    [
      join(root, "dist", "cli.js"),
      ...["train", model, "--data", "digits", "--config", config, "--json"],
      ...["-o", join(folder, "best.onnx"), "--runs", runs],
    ],
    { encoding: "utf8", maxBuffer: 2 ** 28, stdio: ["ignore", "pipe", "inherit"] },
  );
  const events = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const [run = ""] = await readdir(runs);
  return { events, run: join(runs, run) };
}
