import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { splitSamples } from "../../../src/data/split.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { openInMemory } from "../../support/memory-dataset.ts";
import {
  linearTable,
  pick,
  repeatable,
  runTraining,
  SHORT,
  smallModel,
  temporaryFolder,
} from "./run-training.ts";

const CNN = "media/samples/digits-cnn.onnx";
const MLP = "media/samples/digits-mlp.onnx";

describe("a whole run", () => {
  it("trains digits-cnn from fresh weights to 0.97 on the test part and stops early", {
    timeout: 600_000,
  }, async () => {
    const { events } = await runTraining(await readModel(CNN), {
      statistics: { everySteps: 10 },
      // The default patience of 10 goes on for twice as many epochs.
      earlyStopping: { patience: 3 },
    });
    const [stop] = pick(events, "stop");
    const [done] = pick(events, "done");
    expect(stop?.reason).toBe("earlyStopping");
    expect(stop?.epochs).toBe((stop?.bestEpoch ?? 0) + 3);
    expect(stop?.sentence).toContain(`Best weights (epoch ${stop?.bestEpoch}) restored.`);
    expect(Number(done?.testAccuracy)).toBeGreaterThanOrEqual(0.97);
  });

  it("tells start, then steps and epochs, then stop and done", async () => {
    const { events } = await runTraining(await readModel(CNN), { ...SHORT, maxEpochs: 2 });
    const [start] = pick(events, "start");
    expect(start).toMatchObject({
      parameters: 24_058,
      samples: { train: 539, validation: 180, test: 1078 },
      classes: 10,
      stepsPerEpoch: 16,
      watched: ["bn1", "bn2", "bn3"],
    });
    const kinds = events.map((event) => event.event);
    const epoch = [...Array<string>(16).fill("step"), "epoch"];
    expect(kinds).toEqual(["start", ...epoch, ...epoch, "stop", "done"]);
    const steps = pick(events, "step");
    expect(steps.map((step) => step.step)).toEqual(steps.map((_, index) => index + 1));
    const sampled = steps.filter((step) => step.percentiles !== undefined);
    expect(sampled.map((step) => step.step)).toEqual([1, 6, 11, 16, 21, 26, 31]);
    const [p15, p50, p85] = sampled[0]?.percentiles?.bn2 ?? [0, 0, 0];
    // A fresh BatchNorm gives mean 0 and deviation 1.
    expect([p15, p50, p85].map((value) => Math.abs(value) < 2)).toEqual([true, true, true]);
    expect(p15).toBeLessThan(p50);
    expect(p50).toBeLessThan(p85);
    const [first, second] = pick(events, "epoch");
    expect(second?.activations?.map((value) => value.histogram.edges)).toEqual(
      first?.activations?.map((value) => value.histogram.edges),
    );
    expect(first?.activations?.map((value) => value.units)).toEqual([16, 32, 64]);
    expect(first?.activations?.[0]?.count).toBe(64 * 16 * 64);
  });

  it("learns numbers from a table under mean squared error", async () => {
    const { events, result } = await runTraining(smallModel(3, 1), {
      data: await linearTable(),
      loss: "mean-squared-error",
      optimizer: { kind: "sgd", learningRate: 0.1 },
      maxEpochs: 150,
    });
    const [done] = pick(events, "done");
    expect(Number(done?.testLoss)).toBeLessThan(1e-6);
    expect(done).not.toHaveProperty("testAccuracy");
    const { initializers } = await readModel(result.bestModel);
    const rounded = (name: string) =>
      [...readFloat64(initializers.get(name) as Tensor)].map((value) => Number(value.toFixed(2)));
    expect(rounded("w")).toEqual([2, -1, 0.5]);
    expect(rounded("b")).toEqual([3]);
  });

  it("trains a model that ends in Softmax on its logits", async () => {
    const part = { ...SHORT, maxEpochs: 1, weights: "keep" };
    const plain = await runTraining(smallModel(64, 10), part);
    const softmax = await runTraining(smallModel(64, 10, ["Softmax"]), part);
    expect(pick(softmax.events, "step")).toEqual(pick(plain.events, "step"));
    expect(pick(softmax.events, "epoch")[0]?.validationLoss).toBe(
      pick(plain.events, "epoch")[0]?.validationLoss,
    );
  });
});

describe("the same seed", () => {
  it("gives the same run twice, and with one thread or two", async () => {
    const graph = await readModel(CNN);
    const runs = [];
    for (const threads of [1, 1, 2]) runs.push(await runTraining(graph, { ...SHORT, threads }));
    const [first, again, twoThreads] = runs.map((run) => repeatable(run.events));
    expect(again).toEqual(first);
    expect(twoThreads).toEqual(first);
    const files = await Promise.all(runs.map((run) => readFile(run.result.bestModel)));
    expect(files[1]?.equals(files[0] as Buffer)).toBe(true);
    expect(files[2]?.equals(files[0] as Buffer)).toBe(true);
  });

  it("is not any seed", async () => {
    const graph = await readModel(MLP);
    const one = await runTraining(graph, { ...SHORT, maxEpochs: 1, seed: 1 });
    const two = await runTraining(graph, { ...SHORT, maxEpochs: 1, seed: 2 });
    expect(pick(one.events, "step")).not.toEqual(pick(two.events, "step"));
  });
});

describe("the run folder", () => {
  it("holds the configuration, every event and the best model", async () => {
    const folder = await temporaryFolder();
    const output = join(folder, "trained.onnx");
    const { events, result, config } = await runTraining(await readModel(MLP), SHORT, { output });
    expect((await readdir(result.run)).toSorted()).toEqual([
      "best.onnx",
      "config.json",
      "metrics.jsonl",
    ]);
    expect(result.run).toMatch(/a-model-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d$/);
    expect(JSON.parse(await readFile(join(result.run, "config.json"), "utf8"))).toEqual(config);
    const lines = (await readFile(join(result.run, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(events)));
    expect(await readFile(output)).toEqual(await readFile(result.bestModel));
    expect(pick(events, "done")[0]?.model).toBe(output);
  });

  it("has a model that answers the test part as reported, unchanged but for its numbers", async () => {
    const graph = await readModel(CNN);
    const { events, result, config } = await runTraining(graph, SHORT);
    const best = await readModel(result.bestModel);
    expect(best.nodes).toEqual(graph.nodes);
    expect([...best.initializers.keys()]).toEqual([...graph.initializers.keys()]);
    const digits = await openInMemory("digits");
    const { test } = splitSamples(digits, config.split, config.seed);
    const session = await (await loadRuntime()).createSession(await readFile(result.bestModel));
    const feed = { type: "float32" as const, dims: [1797, 1, 8, 8], data: digits.features };
    const { logits } = await session.run({ x: feed });
    await session.release();
    if (digits.targets?.kind !== "classes") throw new Error("classes expected");
    const { labels } = digits.targets;
    const values = logits?.data as Float32Array;
    const right = test.filter((row) => {
      const scores = [...values.subarray(row * 10, row * 10 + 10)];
      return scores.indexOf(Math.max(...scores)) === labels[row];
    });
    expect(pick(events, "done")[0]?.testAccuracy).toBe(right.length / test.length);
  });
});

describe("a run that does not go its course", () => {
  it("is cancelled between two steps and keeps the best so far", async () => {
    const cancel = new AbortController();
    const seen: number[] = [];
    const { events, result } = await runTraining(await readModel(MLP), SHORT, {
      signal: cancel.signal,
      onEvent: (event) => {
        if (event.event === "step") seen.push(event.step);
        if (event.event === "step" && event.epoch === 2) cancel.abort();
      },
    });
    expect(events).toEqual([]);
    expect(seen).toHaveLength(17);
    const metrics = await readFile(join(result.run, "metrics.jsonl"), "utf8");
    const told = metrics
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(told.at(-2)).toMatchObject({
      event: "stop",
      reason: "cancelled",
      bestEpoch: 1,
      epochs: 1,
      sentence: "Cancelled after 1 epoch. Best weights (epoch 1) restored.",
    });
    expect(told.at(-1)).toMatchObject({ event: "done" });
    const oneEpoch = await runTraining(await readModel(MLP), { ...SHORT, maxEpochs: 1 });
    expect(await readFile(result.bestModel)).toEqual(await readFile(oneEpoch.result.bestModel));
  });

  it("waits while it is paused, goes on as if nothing had been, and can be cancelled paused", async () => {
    const graph = await readModel(MLP);
    let asked = 0;
    let waited = 0;
    const isPaused = async () => {
      if (++asked !== 5) return;
      const start = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 100));
      waited = performance.now() - start;
    };
    const paused = await runTraining(graph, { ...SHORT, maxEpochs: 1 }, { isPaused });
    const straight = await runTraining(graph, { ...SHORT, maxEpochs: 1 });
    expect(waited).toBeGreaterThan(90);
    expect(repeatable(paused.events)).toEqual(repeatable(straight.events));

    const cancel = new AbortController();
    const never = await runTraining(graph, SHORT, {
      isPaused: () => {
        setTimeout(() => cancel.abort(), 50);
        return new Promise<void>(() => undefined);
      },
      signal: cancel.signal,
    });
    expect(pick(never.events, "stop")[0]).toMatchObject({ reason: "cancelled", epochs: 0 });
  });

  it("diverges, says so, and goes back to the best weights", async () => {
    const { events } = await runTraining(smallModel(3, 1), {
      data: await linearTable(),
      loss: "mean-squared-error",
      optimizer: { kind: "sgd", learningRate: 20 },
      maxEpochs: 150,
    });
    const [stop] = pick(events, "stop");
    const [done] = pick(events, "done");
    expect(stop?.reason).toBe("diverged");
    expect(stop?.sentence).toMatch(/^Stopped in epoch \d+: training diverged/);
    expect(Number.isFinite(done?.testLoss)).toBe(true);
  });
});
