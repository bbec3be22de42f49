import { spawn } from "node:child_process";
import { copyFile, cp, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/data/random.ts";
import { saveModel } from "../../../src/formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import type { TrainingEvent } from "../../../src/protocol/training.ts";
import { normlens } from "../../support/command-line.ts";
import { REPOSITORY } from "../../support/repository.ts";
import { repeatable, temporaryFolder } from "./run-training.ts";

/** x[N, 1, 8, 8] → dense → BatchNorm → ReLU → Dropout → dense → logits. */
function network(): Graph {
  const random = seededRandom(3);
  const builder = new GraphBuilder(["x"]);
  const stored = (name: string, dims: readonly number[], value: () => number) => {
    const count = dims.reduce((product, size) => product * size, 1);
    const tensor = float32Tensor(name, dims, Float32Array.from({ length: count }, value));
    return builder.addInitializer(tensor);
  };
  const dense = (value: string, inputs: number, outputs: number, name: string) => {
    const weight = stored(`${name}.w`, [outputs, inputs], () => 0.1 * random.normal());
    const bias = stored(`${name}.b`, [outputs], () => 0);
    const attributes = { transB: { int: 1 } };
    return builder.add("Gemm", [value, weight, bias], { name, attributes });
  };
  const [one, zero] = [() => 1, () => 0];
  const flat = builder.add("Flatten", ["x"], { name: "flatten" });
  const first = dense(flat, 64, 32, "first");
  const statistics = [one, zero, zero, one].map((value, index) =>
    stored(`bn.${index}`, [32], value),
  );
  const normalized = builder.add("BatchNormalization", [first, ...statistics], { name: "bn" });
  const rectified = builder.add("Relu", [normalized], { name: "relu" });
  const dropped = builder.add("Dropout", [rectified, builder.scalar(0.3)], { name: "drop" });
  const logits = dense(dropped, 32, 10, "second");
  return builder.build(
    "network",
    [makeValueInfo("x", DataType.FLOAT, ["N", 1, 8, 8])],
    [makeValueInfo(logits, DataType.FLOAT, ["N", 10])],
    17,
  );
}

const CONFIG = {
  split: { train: 0.3, validation: 0.1, test: 0.6 },
  maxEpochs: 16,
  optimizer: { kind: "adam", learningRate: 5e-3 },
  l2: 1e-3,
  labelNoise: 0.05,
  accumulateBatches: 2,
  // The last weights, not the best: a difference anywhere on the way shows in them.
  earlyStopping: { enabled: false, restoreBest: false },
  schedule: { kind: "plateau", patience: 1, warmUpEpochs: 2 },
  statistics: { everySteps: 7 },
  checkpoint: { everyEpochs: 1, everySteps: 5, leastSeconds: 0 },
  threads: 1,
};

let folder: string;
let straight: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  await saveModel(network(), join(folder, "network.onnx"));
  await writeFile(join(folder, "options.json"), JSON.stringify(CONFIG));
  const result = await normlens(startArguments("straight"));
  expect(result.stderr).toBe("");
  straight = await onlyRun("straight");
});

function startArguments(runs: string): string[] {
  const [model, out] = [join(folder, "network.onnx"), join(folder, `${runs}.onnx`)];
  const config = ["--config", join(folder, "options.json")];
  return ["train", model, "-o", out, ...config, "--runs", join(folder, runs), "--json"];
}

async function onlyRun(runs: string): Promise<string> {
  const [run = ""] = await readdir(join(folder, runs));
  return join(folder, runs, run);
}

/** A run whose process got SIGKILL some milliseconds after it told a step. */
async function killed(
  args: readonly string[],
  step: number,
  delay: number,
): Promise<"killed" | "ended"> {
  const child = spawn(process.execPath, [join(REPOSITORY, "dist/cli.js"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => {
    if (text.includes(`"step":${step},`)) return;
    text += more;
    if (text.includes(`"step":${step},`)) setTimeout(() => child.kill("SIGKILL"), delay);
  });
  const signal = await new Promise<string | null>((resolve) => {
    child.on("close", (_, received) => resolve(received));
  });
  children.delete(child);
  return signal === "SIGKILL" ? "killed" : "ended";
}

const children = new Set<ReturnType<typeof spawn>>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

async function told(run: string): Promise<TrainingEvent[]> {
  const text = await readFile(join(run, "metrics.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainingEvent);
}

/** Without what differs between runs that are the same: times, paths, the name of the output. */
async function curve(run: string): Promise<unknown[]> {
  return repeatable(await told(run)).map((event) => {
    const { output, ...others } = event as { readonly output?: string };
    return others;
  });
}

describe("a run that was killed", () => {
  test("ends with the same weights and the same curve after ten kills at any moment", async () => {
    const random = seededRandom(11, "kills");
    // Steps that rise, and at each a moment within the next few: in a step, a validation, the
    // writing of a checkpoint or between the renames that publish it.
    let step = 2 + random.below(20);
    expect(await killed(startArguments("killed"), step, 10 * random.uniform())).toBe("killed");
    const run = await onlyRun("killed");
    for (let kill = 2; kill <= 10; kill++) {
      step += 1 + random.below(20);
      const outcome = await killed(
        ["train", "--resume", run, "--json"],
        step,
        10 * random.uniform(),
      );
      expect(outcome, `kill ${kill} at step ${step}`).toBe("killed");
    }
    const last = await normlens(["train", "--resume", run, "--json"]);
    expect(last.stderr).toBe("");
    expect(await curve(run)).toEqual(await curve(straight));
    expect(await readFile(join(run, "best.onnx"))).toEqual(
      await readFile(join(straight, "best.onnx")),
    );
    expect(await readFile(join(folder, "killed.onnx"))).toEqual(
      await readFile(join(folder, "straight.onnx")),
    );
    // The resumed process tells the whole run, and leaves nothing behind that a run does not have.
    expect(last.stdout.trimEnd().split("\n")).toHaveLength((await told(straight)).length);
    expect((await readdir(run)).toSorted()).toEqual((await readdir(straight)).toSorted());
  });

  test("goes on from the checkpoint before where the newest is damaged", async () => {
    await killed(startArguments("damaged"), 30, 0);
    const run = await onlyRun("damaged");
    const newest = join(run, "checkpoint.bin");
    const bytes = await readFile(newest);
    await truncate(newest, bytes.length - 100);
    const both = join(folder, "both-damaged");
    await cp(run, both, { recursive: true });
    const previous = join(both, "checkpoint-previous.bin");
    const flipped = await readFile(previous);
    flipped[300] = (flipped[300] ?? 0) ^ 1;
    await writeFile(previous, flipped);

    const refused = await normlens(["train", "--resume", both]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/checkpoint\.bin.*the checkpoint is damaged/);

    const resumed = await normlens(["train", "--resume", run, "--json"]);
    expect(resumed.stderr).toBe("");
    expect(await curve(run)).toEqual(await curve(straight));
  });

  test("goes on after Ctrl-C as well, which keeps the step it stopped at", async () => {
    const cancelled = await normlens(startArguments("cancelled"), { interruptAt: /"epoch":3,/ });
    expect(cancelled.stdout).toContain('"reason":"cancelled"');
    const run = await onlyRun("cancelled");
    const before = await told(run);
    const resumed = await normlens(["train", "--resume", run, "--json"]);
    expect(resumed.stderr).toBe("");
    expect(before.some(({ event }) => event === "done")).toBe(true);
    expect(await curve(run)).toEqual(await curve(straight));
  });
});

describe("a run is not gone on with", () => {
  async function refusal(run: string, ...more: readonly string[]): Promise<string> {
    const { code, stderr, stdout } = await normlens(["train", "--resume", run, ...more]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    return stderr;
  }

  let cut: string;
  beforeAll(async () => {
    await killed(startArguments("cut"), 20, 0);
    cut = await onlyRun("cut");
  });

  test("when it has ended, or is none", async () => {
    expect(await refusal(straight)).toContain("the run has ended, there is nothing to go on with");
    expect(await refusal(join(folder, "nowhere"))).toContain("there is no such run folder");
    expect(await refusal(folder)).toContain("is not the folder of a run");
  });

  test("with other options, another model or other data", async () => {
    const before = await readFile(join(cut, "metrics.jsonl"));
    expect(await refusal(cut, "--seed", "1")).toContain("--seed: a run goes on with its own");
    const other = join(folder, "other.onnx");
    await copyFile(join(REPOSITORY, "media/samples/digits-mlp.onnx"), other);
    expect(await refusal(cut, other)).toContain("is not the model this run began with");

    const path = join(cut, "config.json");
    const config = await readFile(path, "utf8");
    await writeFile(path, config.replace('"batchSize": 32', '"batchSize": 16'));
    expect(await refusal(cut)).toContain("batchSize is not what the run began with");
    await writeFile(path, config);
    expect(await readFile(join(cut, "metrics.jsonl"))).toEqual(before);
  });

  test("while another process works on it", async () => {
    await writeFile(join(cut, "running.pid"), String(process.pid));
    expect(await refusal(cut)).toContain(`still going on in process ${process.pid}`);
  });
});
