import { cp, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { convertModel } from "../../../src/engine/convert.ts";
import { preparedModel, prepares } from "../../../src/engine/prepared-model.ts";
import { readModel } from "../../../src/formats/registry.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingEvent } from "../../../src/protocol/training.ts";
import { mergeConfig } from "../../../src/training/config.ts";
import { endKilledRun } from "../../../src/training/end-killed-run.ts";
import { REPOSITORY } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { runTraining, SHORT, temporaryFolder } from "./run-training.ts";

const MLP = join(REPOSITORY, "media/samples/digits-mlp.onnx");

let ended: string;
let restored: string;
let trainedAgain: string;
let folder: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  const graph = await readModel(MLP);
  const output = join(folder, "ended.onnx");
  const epochs = { ...SHORT, earlyStopping: { enabled: false, restoreBest: false } };
  ended = (await runTraining(graph, epochs, { output })).result.run;
  restored = (await runTraining(graph, SHORT, { output })).result.run;
  const again = { ...SHORT, earlyStopping: { retrain: true } };
  trainedAgain = (await runTraining(graph, again)).result.run;
});

/** What a run's folder was when it had told the last event that matches, cut off in the next line. */
async function killedAt(run: string, last: RegExp, name: string): Promise<string> {
  const cut = join(folder, name);
  await cp(run, cut, { recursive: true });
  const path = join(cut, "metrics.jsonl");
  const lines = (await readFile(path, "utf8")).split("\n");
  const kept = lines.slice(0, 1 + lines.findLastIndex((line) => last.test(line)));
  await writeFile(path, `${kept.join("\n")}\n{"event":"st`);
  await writeFile(join(cut, ".best.onnx.abc.tmp"), "half");
  // The process that was killed: it need not be gone yet.
  await writeFile(join(cut, "running.pid"), String(process.pid));
  return cut;
}

async function end(run: string) {
  const events: TrainingEvent[] = [];
  const onEvent = (event: TrainingEvent) => events.push(event);
  const prepared = prepares(context);
  const model = await endKilledRun({ folder: run, process: process.pid, prepared, onEvent });
  return { events, model };
}

test("it says cancelled and gives the best model to the output, and leaves nothing half-written", async () => {
  const run = await killedAt(restored, /"event":"epoch","epoch":2/, "restored");
  const { events, model } = await end(run);
  expect(model).toBe(join(run, "best.onnx"));
  expect(events).toMatchObject([
    {
      event: "stop",
      reason: "cancelled",
      epochs: 2,
      bestEpoch: 2,
      sentence: "Cancelled after 2 epochs. Best weights (epoch 2) restored.",
    },
    { event: "done", model: join(folder, "ended.onnx"), run },
  ]);
  const lines = (await readFile(join(run, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
  expect(lines.slice(-2).map((line) => JSON.parse(line))).toEqual(events);
  expect(lines.filter((line) => line.startsWith('{"event":"epoch"'))).toHaveLength(2);
  expect(await readFile(join(folder, "ended.onnx"))).toEqual(await readFile(model as string));
  const files = await readdir(run);
  expect(files.filter((file) => file.endsWith(".tmp") || file === "running.pid")).toEqual([]);
  expect(await end(run)).toEqual({ events: [], model });
});

test("it says so where the last weights were wanted, and where only those of a step are there", async () => {
  const last = await end(await killedAt(ended, /"event":"epoch","epoch":2/, "last"));
  expect(last.events[0]).toMatchObject({
    sentence:
      "Cancelled after 2 epochs. The best weights (epoch 2) are kept, not the last ones: the last step could not be waited for.",
  });
  const early = await end(await killedAt(restored, /"event":"step","step":3,/, "early"));
  expect(early.events[0]).toMatchObject({
    bestEpoch: 0,
    sentence: "Cancelled after 0 epochs. No epoch was validated; weights of a late step are kept.",
  });
});

test("it keeps the first training's best where it was training again", async () => {
  const { events } = await end(
    await killedAt(trainedAgain, /"event":"retrainEpoch","epoch":2/, "again"),
  );
  const [stop] = events;
  if (stop?.event !== "stop") throw new Error("stop expected");
  expect(stop.sentence).toMatch(
    /^Cancelled after \d+ of \d+ steps of training again\. The best weights of the first training \(epoch \d\) are kept\.$/,
  );
});

test("a stop whose model was not saved any more does not count; a run that has ended stays", async () => {
  const stopped = await killedAt(restored, /"event":"stop"/, "stopped");
  const { events } = await end(stopped);
  const told = await readFile(join(stopped, "metrics.jsonl"), "utf8");
  expect(told.match(/"event":"stop"/g)).toHaveLength(1);
  expect(events[0]).toMatchObject({ reason: "cancelled" });

  const whole = await readFile(join(ended, "metrics.jsonl"));
  expect(await end(ended)).toEqual({ events: [], model: join(ended, "best.onnx") });
  expect(await readFile(join(ended, "metrics.jsonl"))).toEqual(whole);
});

test("it refuses what is no run, and a run of another process", async () => {
  await expect(end(folder)).rejects.toThrow("is not the folder of a run");
  const begun = await killedAt(restored, /"event":"start"/, "begun");
  await truncate(join(begun, "metrics.jsonl"), 0);
  await expect(end(begun)).rejects.toThrow("the run was cut off before it began");
  const other = await killedAt(restored, /"event":"start"/, "other");
  await writeFile(join(other, "running.pid"), String(process.ppid));
  await expect(end(other)).rejects.toThrow(`still going on in process ${process.ppid}`);
});

test("a model of layers is saved with what the run put into it before training", async () => {
  const path = join(folder, "mlp.keras");
  await convertModel(await readModel(MLP), { target: path, verify: false }, context);
  const model = await readModel(path);
  const part = { ...SHORT, passes: [{ pass: "insert-batch-norm", options: { mode: "fresh" } }] };
  const config = mergeConfig({ ...DEFAULT_TRAINING_CONFIG, threads: 1 }, part);
  const output = join(folder, "killed.keras");
  const prepared = await preparedModel(model, config, context);
  const changes = { ...prepared, output, modelName: path };
  const { result } = await runTraining(prepared.graph, part, changes);
  const whole = await readModel(output);
  await end(await killedAt(result.run, /"event":"epoch","epoch":2/, "layers"));
  const saved = await readModel(output);
  const operators = (graph: typeof saved) => graph.nodes.map(({ opType }) => opType);
  expect(operators(saved)).toEqual(operators(whole));
  expect(operators(saved)).toContain("BatchNormalization");
  expect(operators(model)).not.toContain("BatchNormalization");
});
