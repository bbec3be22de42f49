import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { readModel } from "../../../src/formats/registry.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { TrainingEvent } from "../../../src/protocol/training.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { normlens } from "../../support/command-line.ts";
import { temporaryFolder } from "../../support/repository.ts";
import { fileOf, fixture } from "../formats/keras/keras-files.ts";
import { randomInput, relativeDifference, runGraph } from "../formats/tfjs/tfjs-models.ts";
import { runInTensorFlow } from "../formats/tfjs-graph/graph-file.ts";
import { graphNetworks } from "../formats/tfjs-graph/networks.ts";
import { pick } from "../training/run-training.ts";

/** Samples whose mean is higher by one from class to class, as a table of their numbers. */
async function shiftedClasses(folder: string, features: number, classes: number): Promise<string> {
  const random = seededRandom(5);
  const columns = Array.from({ length: features }, (_, column) => `f${column}`);
  const rows = Array.from({ length: 48 }, (_, row) => {
    const label = row % classes;
    return [...columns.map(() => (random.uniform() - 0.5 + label).toFixed(4)), label].join(",");
  });
  const file = join(folder, "samples.csv");
  await writeFile(file, [[...columns, "label"].join(","), ...rows, ""].join("\n"));
  return file;
}

interface Trained {
  readonly model: string;
  readonly events: readonly TrainingEvent[];
  readonly run: string;
}

async function trained(start: string, features: number, classes: number): Promise<Trained> {
  const folder = await temporaryFolder();
  const config = join(folder, "config.json");
  const optimizer = { learningRate: 1e-2 };
  await writeFile(config, JSON.stringify({ batchSize: 4, maxEpochs: 4, optimizer }));
  await mkdir(join(folder, "trained"));
  const model = join(folder, "trained", start.split("/").at(-1) ?? "");
  const data = await shiftedClasses(folder, features, classes);
  const runs = join(folder, "runs");
  const paths = ["--data", data, "--config", config, "--runs", runs, "-o", model];
  const more = ["--weights", "keep", "--json"];
  const result = await normlens(["train", start, ...paths, ...more]);
  expect(result.stderr).toBe("");
  expect(result.code).toBe(0);
  const events = result.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainingEvent);
  return { model, events, run: join(runs, (await readdir(runs))[0] ?? "") };
}

/** Both models have the same operators, and every parameter has other numbers. */
async function expectTrained(start: string, { model, events, run }: Trained) {
  const [before, after] = [await readModel(start), await readModel(model)];
  expect(after.nodes.map(({ opType }) => opType)).toEqual(before.nodes.map(({ opType }) => opType));
  const parameters = trainableParameters(before);
  expect(parameters.length).toBeGreaterThan(4);
  for (const { name } of parameters) {
    const [old, now] = [before.initializers.get(name), after.initializers.get(name)];
    expect(now?.dims, name).toEqual(old?.dims);
    if (old === undefined || now === undefined) continue;
    expect(readFloat64(now), name).not.toEqual(readFloat64(old));
  }
  const epochs = pick(events, "epoch");
  expect(epochs).toHaveLength(4);
  expect(Number(epochs.at(-1)?.trainLoss)).toBeLessThan(0.9 * Number(epochs[0]?.trainLoss));
  expect(Object.keys(pick(events, "start")[0]?.config ?? {})).toContain("optimizer");
  expect(JSON.stringify(pick(events, "step")[0])).toContain("gradientNorm");
  const recorded = (await readFile(join(run, "metrics.jsonl"), "utf8")).trim().split("\n");
  expect(recorded).toHaveLength(events.length);
  return after;
}

describe("train writes a model of layers in the format it came in", () => {
  test.each([
    ["nested.keras", 192, 3],
    ["sequences.h5", 36, 2],
  ])("%s", async (name, features, classes) => {
    const start = await fileOf(fixture(name), name);
    await expectTrained(start, await trained(start, features, classes));
  });

  test("a graph of TensorFlow.js, which loads there and computes what is computed here", async () => {
    const [network] = graphNetworks;
    if (network === undefined) throw new Error("there is no network");
    const start = await network.build().save(network.outputs);
    const result = await trained(start, 90, 3);
    const graph = await expectTrained(start, result);
    const x = randomInput(network.input);
    const expected = await runInTensorFlow(result.model, { x }, network.outputs);
    expect(relativeDifference(await runGraph(graph, [x]), expected)).toBeLessThan(1e-5);
  });
});
