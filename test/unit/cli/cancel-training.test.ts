import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { saveModel } from "../../../src/formats/onnx/write.ts";
import type { TrainingEvent } from "../../../src/protocol/training.ts";
import { readResumableRun } from "../../../src/training/resumable-run.ts";
import { normlens } from "../../support/command-line.ts";
import { longSteps } from "../../support/long-steps.ts";
import { pick, temporaryFolder } from "../training/run-training.ts";

/** One step of 1024 samples an epoch, each longer than anybody who cancels waits. */
const CONFIG = {
  split: { train: 0.6, validation: 0.2, test: 0.2 },
  batchSize: 1024,
  maxEpochs: 2,
  weights: "keep",
  statistics: { values: [], detailsEverySteps: 0 },
  checkpoint: { leastSeconds: 0 },
};

let folder: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  await saveModel(longSteps(), join(folder, "long-steps.onnx"));
  await writeFile(join(folder, "options.json"), JSON.stringify(CONFIG));
});

function startArguments(name: string): string[] {
  const [model, out] = [join(folder, "long-steps.onnx"), join(folder, `${name}.onnx`)];
  const config = ["--config", join(folder, "options.json")];
  return ["train", model, "-o", out, ...config, "--runs", join(folder, name), "--json"];
}

async function onlyRun(name: string): Promise<string> {
  const [run = ""] = await readdir(join(folder, name));
  return join(folder, name, run);
}

function eventsOf(text: string): TrainingEvent[] {
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as TrainingEvent);
}

test("Ctrl-C in a long step is answered before its end, with the best so far", async () => {
  const cancelled = await normlens(startArguments("cancelled"), {
    interruptAt: /"event":"epoch"/,
    interruptDelay: 200,
  });
  expect(cancelled.stderr).toBe("");
  expect(cancelled.code).toBe(0);
  const told = eventsOf(cancelled.stdout);
  // An epoch is a step and a validation: who waits for the step waits for most of it.
  const [epoch] = pick(told, "epoch");
  expect(cancelled.secondsToEnd).toBeLessThan(0.6 * (epoch?.seconds ?? 0));
  expect(pick(told, "stop")).toEqual([
    {
      event: "stop",
      reason: "cancelled",
      bestEpoch: 1,
      epochs: 1,
      sentence: "Cancelled after 1 epoch. Best weights (epoch 1) restored.",
    },
  ]);
  const run = await onlyRun("cancelled");
  const output = join(folder, "cancelled.onnx");
  expect(pick(told, "done")).toMatchObject([{ model: output, run }]);
  expect(eventsOf(await readFile(join(run, "metrics.jsonl"), "utf8"))).toEqual(told);
  expect(await readFile(output)).toEqual(await readFile(join(run, "best.onnx")));
  const files = await readdir(run);
  expect(files).not.toContain("running.pid");
  expect(files.filter((file) => file.endsWith(".tmp"))).toEqual([]);

  // It can be gone on with from the checkpoint after epoch 1.
  const { checkpoint, events } = await readResumableRun(run);
  expect(checkpoint?.progress).toMatchObject({ epoch: 2, stepsDone: 1 });
  expect(pick(events, "epoch")).toEqual([epoch]);
});

test("Ctrl-C in the very first step leaves a record and no model", async () => {
  const cancelled = await normlens(startArguments("first"), { interruptAt: /"event":"start"/ });
  expect(cancelled.code).toBe(2);
  expect(cancelled.stderr).toBe("normlens: cancelled; nothing was written\n");
  expect(pick(eventsOf(cancelled.stdout), "stop")).toMatchObject([
    { sentence: "Cancelled after 0 epochs. No step was done; there is no model to keep." },
  ]);
  expect(existsSync(join(folder, "first.onnx"))).toBe(false);
  const files = await readdir(await onlyRun("first"));
  expect(files).not.toContain("running.pid");
  expect(files).not.toContain("best.onnx");
});
