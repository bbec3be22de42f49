import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { epochOrder } from "../../../src/data/batches.ts";
import { seededRandom } from "../../../src/data/random.ts";
import { splitSamples } from "../../../src/data/split.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { TrainingEvent } from "../../../src/protocol/training.ts";
import { readResumableRun } from "../../../src/training/resumable-run.ts";
import { normlens } from "../../support/command-line.ts";
import { openInMemory } from "../../support/memory-dataset.ts";
import { REPOSITORY } from "../../support/repository.ts";
import {
  linearTable,
  pick,
  repeatable,
  runTraining,
  smallModel,
  temporaryFolder,
} from "./run-training.ts";

const MLP = join(REPOSITORY, "media/samples/digits-mlp.onnx");

async function weightsOf(path: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const { initializers } = await readModel(path);
  const read = async (name: string) => {
    const bytes = (await initializers.get(name)?.data.read()) ?? new Uint8Array();
    return [name, [...new Float32Array(bytes.slice().buffer)]] as const;
  };
  return new Map(await Promise.all([...initializers.keys()].map(read)));
}

describe("training again with the validation samples", () => {
  const split = { train: 0.5, validation: 0.3, test: 0.2 };
  const rate = 0.05;
  const part = {
    split,
    weights: "keep",
    loss: "mean-squared-error",
    batchSize: 16,
    maxEpochs: 9,
    optimizer: { kind: "sgd", momentum: 0, learningRate: rate },
    earlyStopping: { retrain: true, minDelta: 0.05, patience: 2, rule: "keras" },
  };

  test("makes the best epoch's number of updates from the same start, on all but the test", async () => {
    const data = await linearTable(150);
    const model = smallModel(3, 1);
    const { events, result } = await runTraining(model, { ...part, data });
    const [start] = pick(events, "start");
    const [retrain] = pick(events, "retrain");
    const [stop] = pick(events, "stop");
    const best = stop?.bestEpoch ?? 0;
    expect(best).toBeGreaterThan(0);
    expect(best).toBeLessThan(stop?.epochs ?? 0);
    const steps = best * Math.floor((start?.samples.train ?? 0) / 16);
    expect(retrain).toMatchObject({ samples: 120, steps, stepsPerEpoch: 7, bestEpoch: best });
    expect(pick(events, "retrainEpoch").at(-1)?.step).toBe(steps);
    expect(stop?.sentence).toContain(`for the ${steps} steps of the best epoch (${best})`);

    // The same by hand in float64: w ← w − ε·∂/∂w of the batch's mean of (w·x + b − y)².
    const dataset = await openInMemory(data, "numbers");
    const rows = splitSamples(dataset, split, 0);
    const both = Int32Array.of(...rows.train, ...rows.validation);
    const order = seededRandom(0, "batches");
    const w = [0.1, 0.1, 0.1, 0];
    const targets = dataset.targets?.kind === "numbers" ? dataset.targets.values : [];
    for (let step = 0, epoch = epochOrder(both, order); step < steps; step++) {
      if (step > 0 && step % 7 === 0) epoch = epochOrder(both, order);
      const gradient = [0, 0, 0, 0];
      for (const row of epoch.slice((step % 7) * 16, (step % 7) * 16 + 16)) {
        const x = [...dataset.features.slice(3 * row, 3 * row + 3), 1];
        const output = x.reduce((sum, value, index) => sum + value * (w[index] as number), 0);
        const error = output - (targets[row] as number);
        for (const [index, value] of x.entries()) {
          gradient[index] = (gradient[index] as number) + (2 * error * value) / 16;
        }
      }
      for (const index of w.keys()) w[index] = (w[index] as number) - rate * (gradient[index] ?? 0);
    }
    const found = await weightsOf(result.bestModel);
    const got = [...(found.get("w") ?? []), ...(found.get("b") ?? [])];
    // float32's rounding, over a few dozen steps.
    for (const [index, value] of w.entries()) expect(got[index]).toBeCloseTo(value, 5);

    expect((await readdir(result.run)).toSorted()).toEqual(
      ["best.onnx", "config.json", "metrics.jsonl", "retrained.onnx"].toSorted(),
    );
    const first = await runTraining(model, {
      ...part,
      data,
      earlyStopping: { ...part.earlyStopping, retrain: false },
    });
    expect(await readFile(join(result.run, "best.onnx"))).toEqual(
      await readFile(first.result.bestModel),
    );
  });

  test("takes the learning rate that the first training had at the same step", async () => {
    const { events } = await runTraining(smallModel(3, 1), {
      ...part,
      data: await linearTable(150),
      schedule: { kind: "plateau", patience: 0, threshold: 0.5, factor: 0.5, warmUpEpochs: 2 },
      earlyStopping: { retrain: true, patience: 3 },
    });
    const rates = pick(events, "epoch").map(({ learningRate }) => learningRate);
    expect(new Set(rates).size).toBeGreaterThan(3);
    const stepsPerEpoch = pick(events, "start")[0]?.stepsPerEpoch ?? 0;
    const again = pick(events, "retrainEpoch").filter(({ step }) => step % stepsPerEpoch === 0);
    expect(again.length).toBeGreaterThan(0);
    for (const { step, learningRate } of again) {
      expect(learningRate).toBe(rates[step / stepsPerEpoch - 1]);
    }
  });

  test("is left out where the first training was cancelled", async () => {
    const controller = new AbortController();
    const events: TrainingEvent[] = [];
    const { result } = await runTraining(
      smallModel(3, 1),
      { ...part, data: await linearTable(150) },
      {
        signal: controller.signal,
        onEvent: (event) => {
          events.push(event);
          if (event.event === "epoch" && event.epoch === 2) controller.abort();
        },
      },
    );
    expect(pick(events, "stop")).toMatchObject([{ reason: "cancelled", bestEpoch: 2 }]);
    expect(pick(events, "retrain")).toEqual([]);
    expect(result.bestModel).toMatch(/best\.onnx$/);
  });
});

describe("a run that was killed while it trained again", () => {
  const config = {
    split: { train: 0.3, validation: 0.1, test: 0.6 },
    maxEpochs: 6,
    optimizer: { kind: "adam", learningRate: 4e-3 },
    accumulateBatches: 2,
    labelNoise: 0.05,
    schedule: { kind: "plateau", patience: 1, factor: 0.7, warmUpEpochs: 2 },
    earlyStopping: { retrain: true, patience: 8 },
    statistics: { values: [], everySteps: 1000, detailsEverySteps: 0 },
    checkpoint: { everyEpochs: 1, everySteps: 0, leastSeconds: 0 },
    threads: 1,
  };

  async function told(run: string): Promise<unknown[]> {
    const text = await readFile(join(run, "metrics.jsonl"), "utf8");
    const events = text.trimEnd().split("\n");
    return repeatable(events.map((line) => JSON.parse(line) as TrainingEvent)).map((event) => {
      const { output, ...others } = event as { readonly output?: string };
      return others;
    });
  }

  test("ends with the same weights and the same curve; so does one that was cancelled", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "options.json"), JSON.stringify(config));
    const args = (runs: string) =>
      ["train", MLP, "-o", join(folder, `${runs}.onnx`), "--json"].concat(
        ["--config", join(folder, "options.json")],
        ["--runs", join(folder, runs)],
      );
    const runIn = async (runs: string) => {
      const [run = ""] = await readdir(join(folder, runs));
      return join(folder, runs, run);
    };
    expect((await normlens(args("straight"))).stderr).toBe("");
    const straight = await runIn("straight");
    const final = await readFile(join(folder, "straight.onnx"));
    expect(final).toEqual(await readFile(join(straight, "retrained.onnx")));
    expect(final).not.toEqual(await readFile(join(straight, "best.onnx")));

    await killedAt(args("killed"), '"retrainEpoch","epoch":2,');
    const killed = await runIn("killed");
    expect((await readResumableRun(killed)).checkpoint?.progress.retrain).toBeDefined();
    expect(await readdir(killed)).not.toContain("retrained.onnx");
    expect((await normlens(["train", "--resume", killed, "--json"])).stderr).toBe("");

    const cancelled = await normlens(args("cancelled"), {
      interruptAt: /"retrainEpoch","epoch":2/,
    });
    expect(cancelled.stdout).toContain('"reason":"cancelled"');
    expect(cancelled.stdout).toMatch(/Cancelled after \d+ of \d+ steps of training again/);
    expect(await readFile(join(folder, "cancelled.onnx"))).toEqual(
      await readFile(join(straight, "best.onnx")),
    );
    const second = await runIn("cancelled");
    expect((await normlens(["train", "--resume", second, "--json"])).stderr).toBe("");

    for (const runs of ["killed", "cancelled"]) {
      const run = await runIn(runs);
      expect(await told(run), runs).toEqual(await told(straight));
      expect(await readFile(join(folder, `${runs}.onnx`)), runs).toEqual(final);
      expect((await readdir(run)).toSorted(), runs).toEqual((await readdir(straight)).toSorted());
    }
  });
});

/** Runs the command line until its output has the text, then SIGKILL. */
async function killedAt(args: readonly string[], text: string): Promise<void> {
  const child = spawn(process.execPath, [join(REPOSITORY, "dist/cli.js"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => {
    output += more;
    if (output.includes(text)) child.kill("SIGKILL");
  });
  const signal = await new Promise((resolve) => child.on("close", (_, got) => resolve(got)));
  expect(signal).toBe("SIGKILL");
}
