import { createHash } from "node:crypto";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { allocateBatches, fillBatch } from "../../../src/data/batches.ts";
import { type Dataset, withSampleShape } from "../../../src/data/dataset.ts";
import { readDigits } from "../../../src/data/digits.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingConfig } from "../../../src/protocol/training.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { sampleInput } from "../../../src/training/forward-part.ts";
import { initialValues, trainableParameters } from "../../../src/training/parameters.ts";
import { buildStepGraph, type StepOptions } from "../../../src/training/step-graph.ts";
import { StepSession } from "../../../src/training/step-session.ts";
import type { PlannedStep, StepResult } from "../../../src/training/training-step.ts";
import { SAMPLES } from "../../support/repository.ts";
import { pick, repeatable, runTraining, SHORT } from "./run-training.ts";

const BATCH = 16;
const COUNT = 5;
const model = await readModel(join(SAMPLES, "digits-cnn.onnx"));
const runtime = await loadRuntime();
const all = trainableParameters(model);
const weights = all.filter(({ role }) => role === "weight").map(({ name }) => name);
let dataset: Dataset;

beforeAll(async () => {
  const { name, sampleShape } = sampleInput(model);
  dataset = withSampleShape(await readDigits(), sampleShape, name);
});

async function sessionOf(config: TrainingConfig, further: Partial<StepOptions> = {}) {
  const step = buildStepGraph({
    graph: model,
    input: sampleInput(model).name,
    inputShape: [BATCH, ...dataset.sampleShape],
    lossValue: "logits",
    parameters: all.map(({ name }) => name),
    penalized: new Set(weights),
    limits: new Map(),
    noise: new Set(),
    config,
    watched: model.nodes.filter(({ opType }) => opType === "Relu").flatMap(({ output }) => output),
    weights,
    ...further,
  });
  const kept = step.state.filter(({ kind }) => kind !== "slot").map(({ name }) => name);
  const initial = initialValues(model, kept);
  return StepSession.create(runtime, step, { config, initial });
}

/** The first batches of the digits, and the steps on them; samples are wished of every other one, details of the rest. */
async function plan(learningRate = (_step: number) => 1e-2) {
  const stack = allocateBatches(dataset, BATCH, COUNT);
  const rows = Int32Array.from({ length: BATCH * COUNT }, (_, row) => row);
  const steps: PlannedStep[] = [];
  for (const [index, batch] of stack.batches.entries()) {
    await fillBatch(batch, dataset, rows, index * BATCH);
    const wishes = { samples: index % 2 === 0, details: index % 2 === 1 };
    steps.push({ batch, learningRate: learningRate(index), divergenceFactor: 0, wishes });
  }
  return { steps, rows: stack.first(COUNT) };
}

/** Stands for all bits of the numbers. */
function digest({ buffer, byteOffset, byteLength }: Float32Array): string {
  return createHash("sha256")
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest("hex");
}

/** A result, which the next step does not overwrite. */
function kept({ loss, penalty, divergence, output, samples, details }: StepResult) {
  return {
    loss,
    penalty,
    divergence,
    details,
    output: digest(output),
    samples: [...samples].map(([name, values]) => [name, digest(values)]),
  };
}

async function oneByOne(session: StepSession, steps: readonly PlannedStep[]) {
  const results = [];
  for (const { batch, learningRate, wishes, divergenceFactor } of steps) {
    results.push(kept(await session.run(batch, learningRate, wishes, divergenceFactor)));
  }
  return results;
}

function stateOf(session: StepSession) {
  return Object.fromEntries([...session.state].map(([name, values]) => [name, digest(values)]));
}

describe("several steps as one run", () => {
  const base = { ...DEFAULT_TRAINING_CONFIG, threads: 1, l1: 1e-4, l2: 1e-3 };
  it.each([
    ["Adam", base],
    [
      "momentum with an update every other batch",
      {
        ...base,
        accumulateBatches: 2,
        optimizer: { ...base.optimizer, kind: "sgd" as const, momentum: 0.9 },
      },
    ],
  ])("give bit for bit what they give one after the other (%s)", async (_, config) => {
    const { steps, rows } = await plan((step) => 1e-2 / (step + 1));
    const [single, several] = [await sessionOf(config), await sessionOf(config)];
    const wanted = await oneByOne(single, steps);
    const results = await several.several.run(steps, rows, { untilNotFinite: true });
    expect(results.map(kept)).toEqual(wanted);
    expect(wanted[0]?.samples).toHaveLength(3);
    expect(wanted[0]?.penalty).toBeGreaterThan(0);
    expect(wanted.map(({ details }) => details?.gradients.length)).toEqual([
      undefined,
      weights.length,
      undefined,
      weights.length,
      undefined,
    ]);
    expect(stateOf(several)).toEqual(stateOf(single));
    // Further steps, of either kind, go on from there.
    const again = await oneByOne(several, steps.slice(0, 2));
    expect(again).toEqual(await oneByOne(single, steps.slice(0, 2)));
    const more = await several.several.run(steps, rows, { untilNotFinite: true });
    expect(more.map(kept)).toEqual(await oneByOne(single, steps));
    expect(stateOf(several)).toEqual(stateOf(single));
    await single.release();
    await several.release();
  });

  it("ends with the step whose loss is not finite", async () => {
    const { steps, rows } = await plan((step) => (step === 2 ? 1e38 : 1e-2));
    const [single, several] = [await sessionOf(base), await sessionOf(base)];
    const wanted = await oneByOne(single, steps.slice(0, 4));
    expect(wanted.map(({ loss }) => Number.isFinite(loss))).toEqual([true, true, true, false]);
    const results = await several.several.run(steps, rows, { untilNotFinite: true });
    expect(results.map(kept)).toEqual(wanted);
    expect(stateOf(several)).toEqual(stateOf(single));
    expect(await several.firstBadValue(runtime)).toEqual(await single.firstBadValue(runtime));
    await single.release();
    await several.release();
  });

  it("go on where a loss may be infinite", async () => {
    const { steps, rows } = await plan((step) => (step === 2 ? 1e38 : 1e-2));
    const session = await sessionOf(base);
    const results = await session.several.run(steps, rows, { untilNotFinite: false });
    expect(results).toHaveLength(COUNT);
    await session.release();
  });
});

describe("a run of a model with much state", () => {
  /** 64 → 600 → 500 → 10: enough parameters for a run to copy much, and quick steps. */
  function wideModel(): Graph {
    const builder = new GraphBuilder(["x"]);
    const sizes = [64, 600, 500, 10];
    let value = "x";
    for (const [index, outputs] of sizes.slice(1).entries()) {
      const inputs = sizes[index] ?? 0;
      const numbers = new Float32Array(inputs * outputs);
      const weight = builder.addInitializer(float32Tensor(`w${index}`, [outputs, inputs], numbers));
      const bias = float32Tensor(`b${index}`, [outputs], new Float32Array(outputs));
      const attributes = { transB: { int: 1 } };
      value = builder.add("Gemm", [value, weight, builder.addInitializer(bias)], { attributes });
      if (index < 2) value = builder.add("Relu", [value]);
    }
    return builder.build(
      "wide",
      [makeValueInfo("x", DataType.FLOAT, ["N", 64])],
      [makeValueInfo(value, DataType.FLOAT, ["N", 10])],
      17,
    );
  }

  it("tells what it tells one step at a time, in details and checkpoints too", async () => {
    const short = { ...SHORT, maxEpochs: 2, checkpoint: { everySteps: 7, leastSeconds: 0 } };
    const told = async (detailsEverySteps: number) => {
      const statistics = { everySteps: 2, detailsEverySteps };
      const { events } = await runTraining(wideModel(), { ...short, statistics });
      return events;
    };
    // Each step in detail is each step alone.
    const [together, alone] = [await told(6), await told(1)];
    const plain = (events: typeof together) =>
      repeatable(events.filter(({ event }) => event !== "start")).map((event) => {
        const { gradientNorm, gradients, moments, ...rest } = event as Record<string, unknown>;
        return rest;
      });
    expect(plain(together)).toEqual(plain(alone));
    const steps = pick(together, "step");
    const detailed = steps.filter(({ gradientNorm }) => gradientNorm !== undefined);
    expect(detailed.map(({ step }) => step)).toEqual([1, 7, 13, 19, 25, 31]);
    expect(steps).toHaveLength(32);
  });
});
