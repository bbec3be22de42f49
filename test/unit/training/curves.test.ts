import { describe, expect, it } from "vitest";
import { allocateBatch, fillBatch } from "../../../src/data/batches.ts";
import { withSampleShape } from "../../../src/data/dataset.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { OptimizerConfig, TrainingConfig } from "../../../src/protocol/training.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { sampleInput } from "../../../src/training/forward-part.ts";
import { initialValues, trainableParameters } from "../../../src/training/parameters.ts";
import { buildStepGraph } from "../../../src/training/step-graph.ts";
import { StepSession } from "../../../src/training/step-session.ts";
import goldens from "../../oracles/training-curves.json" with { type: "json" };

interface TorchOptimizer {
  name: string;
  lr: number;
  momentum?: number;
  betas?: [number, number];
  eps?: number;
  weight_decay?: number;
}

function toConfig(torch: TorchOptimizer, variance: "unbiased" | "population"): TrainingConfig {
  const kinds: Record<string, OptimizerConfig["kind"]> = {
    SGD: "sgd",
    Adam: "adam",
    AdamW: "adamw",
  };
  const optimizer: OptimizerConfig = {
    kind: kinds[torch.name] ?? "sgd",
    learningRate: torch.lr,
    momentum: torch.momentum ?? 0,
    beta1: torch.betas?.[0] ?? 0,
    beta2: torch.betas?.[1] ?? 0,
    epsilon: torch.eps ?? 1e-8,
    weightDecay: torch.weight_decay ?? 0,
  };
  const l2 = torch.name === "SGD" ? (torch.weight_decay ?? 0) : 0;
  const batchNorm = { momentum: 0.1, runningVariance: variance };
  return { ...DEFAULT_TRAINING_CONFIG, optimizer, l2, batchNorm, threads: 2 };
}

async function trainSteps(model: string, config: TrainingConfig) {
  const { rows, batch: size, steps } = goldens.data;
  const graph = await readModel(model);
  const { name: input, sampleShape } = sampleInput(graph);
  const dataset = withSampleShape(await openDataset("digits"), sampleShape, input);
  const parameters = trainableParameters(graph).map((parameter) => parameter.name);
  const stepGraph = buildStepGraph({
    graph,
    input,
    inputShape: [size, ...dataset.sampleShape],
    lossValue: "logits",
    parameters,
    // PyTorch's weight_decay is of every parameter.
    penalized: new Set(parameters),
    config,
    watched: [],
  });
  const weights = stepGraph.state.filter((tensor) => tensor.kind !== "slot");
  const initial = initialValues(
    graph,
    weights.map((tensor) => tensor.name),
  );
  const step = await StepSession.create(await loadRuntime(), stepGraph, { config, initial });
  const batch = allocateBatch(dataset, size);
  const order = Int32Array.from({ length: rows }, (_, row) => row);
  const losses: number[] = [];
  for (let index = 0; index < steps; index++) {
    fillBatch(batch, dataset, order, (index * size) % rows);
    losses.push((await step.run(batch, config.optimizer.learningRate, false)).loss);
  }
  const state = new Map([...step.state].map(([name, values]) => [name, values.slice()]));
  await step.release();
  return { losses, state, parameters };
}

function expectClose(actual: Float32Array, golden: { norm: number; first: number[] }): void {
  const norm = Math.hypot(...actual);
  expect(Math.abs(norm - golden.norm)).toBeLessThan(1e-4 * golden.norm + 1e-6);
  const scale = Math.max(golden.norm / Math.sqrt(actual.length), 1e-3);
  for (const [index, value] of golden.first.entries()) {
    expect(Math.abs((actual[index] ?? Number.NaN) - value)).toBeLessThan(2e-3 * scale);
  }
}

describe("twelve steps are PyTorch's twelve steps", () => {
  for (const run of goldens.runs) {
    const decay = "weight_decay" in run.optimizer ? " with weight decay" : "";
    const momentum = "momentum" in run.optimizer ? " with momentum" : "";
    it(`${run.model} ${run.optimizer.name}${momentum}${decay}`, async () => {
      const config = toConfig(run.optimizer as TorchOptimizer, "unbiased");
      const { losses, state, parameters } = await trainSteps(run.model, config);
      expect(parameters.toSorted()).toEqual(Object.keys(run.parameters).toSorted());
      for (const [index, loss] of run.losses.entries()) {
        const stray = Math.abs((run.float32Losses[index] ?? 0) - loss);
        const allowed = 10 * stray + 2e-5 * Math.abs(loss);
        expect(Math.abs((losses[index] ?? Number.NaN) - loss)).toBeLessThan(allowed);
      }
      for (const [name, golden] of Object.entries(run.parameters)) {
        expectClose(state.get(name) as Float32Array, golden);
      }
      for (const [name, golden] of Object.entries(run.runningStatistics)) {
        if (!name.endsWith("_population")) expectClose(state.get(name) as Float32Array, golden);
      }
    });
  }

  it("with the population variance in the running variance where that is asked for", async () => {
    const run = goldens.runs.find((run) => Object.keys(run.runningStatistics).length > 0);
    if (run === undefined) throw new Error("a network with BatchNorm is needed");
    const config = toConfig(run.optimizer as TorchOptimizer, "population");
    const { state } = await trainSteps(run.model, config);
    for (const [name, golden] of Object.entries(run.runningStatistics)) {
      if (!name.endsWith("_population")) continue;
      expectClose(state.get(name.slice(0, -"_population".length)) as Float32Array, golden);
    }
  });
});
