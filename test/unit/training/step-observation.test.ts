import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allocateBatch, type Batch, fillBatch } from "../../../src/data/batches.ts";
import { withSampleShape } from "../../../src/data/dataset.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { inferTypes } from "../../../src/operators/infer-shapes.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingConfig } from "../../../src/protocol/training.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import type { RuntimeTensor } from "../../../src/runtime/runtime.ts";
import { countDeadUnits } from "../../../src/statistics/activation-statistics.ts";
import { namedParameters } from "../../../src/training/detail-numbers.ts";
import { detailsDue } from "../../../src/training/detail-rhythm.ts";
import { sampleInput } from "../../../src/training/forward-part.ts";
import { initialValues, trainableParameters } from "../../../src/training/parameters.ts";
import { buildStepGraph, type StepGraph } from "../../../src/training/step-graph.ts";
import { StepSession } from "../../../src/training/step-session.ts";
import { SAMPLES } from "../../support/repository.ts";
import { pick, runTraining, SHORT } from "./run-training.ts";

const model = await readModel(join(SAMPLES, "digits-cnn.onnx"));
const runtime = await loadRuntime();
const all = trainableParameters(model);
const weights = all.filter(({ role }) => role === "weight").map(({ name }) => name);
const BATCH = 32;
const ASKED = { samples: false, details: true };

function stepOf(config: TrainingConfig, watched: readonly string[]): StepGraph {
  return buildStepGraph({
    graph: model,
    input: sampleInput(model).name,
    inputShape: [BATCH, ...sampleInput(model).sampleShape.map(Number)],
    lossValue: "logits",
    parameters: all.map(({ name }) => name),
    penalized: new Set(weights),
    limits: new Map(),
    noise: new Set(),
    config,
    watched,
    weights,
  });
}

async function digits(): Promise<Batch> {
  const { name, sampleShape } = sampleInput(model);
  const dataset = withSampleShape(await openDataset("digits"), sampleShape, name);
  const batch = allocateBatch(dataset, BATCH);
  await fillBatch(
    batch,
    dataset,
    Int32Array.from({ length: BATCH }, (_, row) => row),
    0,
  );
  return batch;
}

/** The model's weights, but for two units of the first normalization that never pass the ReLU. */
function startOf(step: StepGraph): ReadonlyMap<string, Float32Array> {
  const names = step.state.filter(({ kind }) => kind !== "slot").map(({ name }) => name);
  const initial = initialValues(model, names);
  const shift = all.find(({ role }) => role === "shift")?.name ?? "";
  (initial.get(shift) as Float32Array).fill(-50, 0, 2);
  return initial;
}

/** Values of the first step, from a session of its own that gives nothing else. */
async function firstStep(step: StepGraph, batch: Batch, names: readonly string[]) {
  const { types } = inferTypes(step.graph, new Map());
  const shape = (name: string) => types.get(name)?.shape.map(Number) ?? [];
  const outputs = names.map((name) => makeValueInfo(name, DataType.FLOAT, shape(name)));
  const session = await runtime.createSession(encodeModel({ ...step.graph, outputs }));
  const feeds: Record<string, RuntimeTensor> = {
    [step.input]: { type: "float32", dims: step.inputShape, data: batch.features },
    [step.target]: { type: "int64", dims: step.targetShape, data: batch.labels },
  };
  const initial = startOf(step);
  for (const { name, dims } of step.state) {
    const size = dims.reduce((product, dim) => product * dim, 1);
    feeds[name] = { type: "float32", dims, data: initial.get(name) ?? new Float32Array(size) };
  }
  for (const input of step.scalars.values()) {
    feeds[input] = { type: "float32", dims: [], data: Float32Array.of(1e-3) };
  }
  if (step.observation !== undefined) {
    feeds[step.observation.due] = { type: "bool", dims: [], data: Uint8Array.of(0) };
  }
  const results = await session.run(feeds, names);
  await session.release();
  return results;
}

function float64Norm({ data }: RuntimeTensor): number {
  return Math.hypot(...(data as Float32Array));
}

const tight = { ...DEFAULT_TRAINING_CONFIG, l2: 1e-2, gradientClipping: { norm: 0.01, value: 0 } };

describe("the details of a step", () => {
  it.each([1, 2])(
    "norms are those of the gradients, ratios those of the weights (%i threads)",
    async (threads) => {
      const config = { ...tight, threads };
      const step = stepOf(config, []);
      const batch = await digits();
      const gradients = step.landmarks.filter(({ kind }) => kind === "gradient");
      expect(gradients).toHaveLength(all.length);
      const results = await firstStep(
        step,
        batch,
        gradients.map(({ value }) => value),
      );
      const norms = new Map(
        gradients.map(({ of, value }) => [of, float64Norm(results[value] as RuntimeTensor)]),
      );
      const initial = startOf(step);
      const session = await StepSession.create(runtime, step, { config, initial });
      const { details } = await session.run(batch, 1e-3, ASKED);
      expect(details?.gradients.map(({ name }) => name)).toEqual(weights);
      for (const { name, norm, updateRatio } of details?.gradients ?? []) {
        const golden = norms.get(name) as number;
        expect(golden).toBeGreaterThan(1e-3);
        expect(Math.abs(Number(norm) - golden)).toBeLessThan(1e-5 * golden);
        const before = initial.get(name) as Float32Array;
        const after = session.state.get(name) as Float32Array;
        const moved = Math.hypot(...after.map((value, index) => value - (before[index] ?? 0)));
        const ratio = moved / Math.hypot(...before);
        expect(ratio).toBeGreaterThan(1e-4);
        // The differences above are rounded to float32 once more.
        expect(Math.abs(Number(updateRatio) - ratio)).toBeLessThan(1e-5 * ratio);
      }
      // Of all parameters, named or not, and not the 0.01 that it was clipped to.
      const total = Math.hypot(...norms.values());
      expect(total).toBeGreaterThan(0.1);
      expect(Math.abs(Number(details?.gradientNorm) - total)).toBeLessThan(1e-5 * total);
      await session.release();
    },
  );

  it("a batch that completes no update tells the mean gradient of the batches that do", async () => {
    const config = { ...tight, accumulateBatches: 2, threads: 1 };
    const step = stepOf(config, []);
    const batch = await digits();
    const initial = startOf(stepOf(tight, []));
    const session = await StepSession.create(runtime, step, { config, initial });
    const single = await StepSession.create(runtime, stepOf(tight, []), { config: tight, initial });
    const once = (await single.run(batch, 1e-3, ASKED)).details;
    await session.run(batch, 1e-3, { samples: false, details: false });
    const twice = (await session.run(batch, 1e-3, ASKED)).details;
    // The same batch twice has its own gradient as the mean.
    const norm = Number(once?.gradientNorm);
    expect(Math.abs(Number(twice?.gradientNorm) - norm)).toBeLessThan(1e-5 * norm);
    await session.release();
    await single.release();
  });

  it("moments are the sample's, and dead units those of the whole batch", async () => {
    const watched = model.nodes
      .filter(({ opType }) => opType === "Relu")
      .flatMap(({ input, output }) => [input[0] ?? "", output[0] ?? ""]);
    const config = { ...DEFAULT_TRAINING_CONFIG, threads: 1 };
    const step = stepOf(config, watched);
    const batch = await digits();
    const names = watched.map(
      (name) => step.landmarks.find(({ kind, of }) => kind === "value" && of === name)?.value ?? "",
    );
    const results = await firstStep(step, batch, names);
    const initial = startOf(step);
    const session = await StepSession.create(runtime, step, { config, initial });
    const { details } = await session.run(batch, 1e-3, ASKED);
    for (const [index, name] of watched.entries()) {
      const { dims, data } = results[names[index] ?? ""] as RuntimeTensor;
      const values = data as Float32Array;
      const before = index % 2 === 0;
      const deadWhen = before ? ("not-positive" as const) : ("zero" as const);
      const dead = countDeadUnits({ name, shape: dims, values, deadWhen });
      const told = details?.moments?.[name];
      if (index < 2) expect(dead).toBeGreaterThanOrEqual(2);
      expect(told?.deadShare).toBeCloseTo(dead / (dims[1] ?? 1), 6);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      // 1024 of the numbers: four standard errors of the mean, and of the variance for heavy tails.
      expect(Math.abs(Number(told?.mean) - mean)).toBeLessThan(0.13 * Math.sqrt(variance));
      expect(Math.abs(Number(told?.variance) - variance)).toBeLessThan(0.4 * variance);
    }
    await session.release();
  });
});

describe("a run", () => {
  it("tells details every so many steps, and learns the same with and without", async () => {
    const short = { ...SHORT, maxEpochs: 1 };
    const withDetails = await runTraining(model, {
      ...short,
      statistics: { everySteps: 5, detailsEverySteps: 6 },
    });
    const steps = pick(withDetails.events, "step");
    const told = steps.filter((step) => step.gradientNorm !== undefined);
    expect(told.map((step) => step.step)).toEqual([1, 7, 13]);
    expect(told[0]?.gradients?.map(({ name }) => name)).toEqual(weights);
    expect(Object.keys(told[0]?.moments ?? {})).toEqual(["bn1", "bn2", "bn3"]);
    // A fresh BatchNorm gives mean 0 and variance 1.
    expect(Math.abs(Number(told[0]?.moments?.bn2?.mean))).toBeLessThan(0.1);
    expect(Math.abs(Number(told[0]?.moments?.bn2?.variance) - 1)).toBeLessThan(0.2);
    expect(JSON.stringify(told[0]).length).toBeLessThan(2000);
    const without = await runTraining(model, {
      ...short,
      statistics: { everySteps: 5, detailsEverySteps: 0 },
    });
    const plain = pick(without.events, "step");
    expect(plain.every((step) => step.gradients === undefined)).toBe(true);
    expect(plain.map(({ loss }) => loss)).toEqual(steps.map(({ loss }) => loss));
  });

  it("takes them where an update is complete", () => {
    const due = (detailsEverySteps: number, accumulateBatches: number) => {
      const statistics = { ...DEFAULT_TRAINING_CONFIG.statistics, detailsEverySteps };
      return Array.from({ length: 24 }, (_, step) => step).filter((step) =>
        detailsDue(step, { statistics, accumulateBatches }),
      );
    };
    expect(due(10, 1)).toEqual([0, 10, 20]);
    expect(due(10, 4)).toEqual([3, 11, 23]);
    expect(due(2, 8)).toEqual([7, 15, 23]);
    expect(due(0, 1)).toEqual([]);
  });

  it("names ten of many weights, the first and the last among them", () => {
    const names = Array.from({ length: 54 }, (_, index) => `layer${index}`);
    const named = namedParameters(names);
    expect(named).toHaveLength(10);
    expect(new Set(named).size).toBe(10);
    expect([named[0], named.at(-1)]).toEqual(["layer0", "layer53"]);
    expect(namedParameters(names.slice(0, 3))).toEqual(names.slice(0, 3));
  });
});
