import { expect } from "vitest";
import { allocateBatch, fillBatch } from "../../../src/data/batches.ts";
import { withSampleShape } from "../../../src/data/dataset.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingConfig } from "../../../src/protocol/training.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { sampleInput } from "../../../src/training/forward-part.ts";
import { initialValues, trainableParameters } from "../../../src/training/parameters.ts";
import { buildStepGraph, type StepOptions } from "../../../src/training/step-graph.ts";
import { StepSession } from "../../../src/training/step-session.ts";

/** What the oracles of training take: the first digits in file order, no shuffling. */
const ROWS = 256;
const BATCH = 32;
const STEPS = 12;
const NOTHING_MORE = { samples: false, details: false };

/** The steps of test/oracles/training_curves.py, from the weights that the model holds. */
export async function trainSteps(
  graph: Graph,
  config: TrainingConfig,
  options: Pick<StepOptions, "penalized" | "limits" | "penalties" | "constraints">,
  { size = BATCH, steps = STEPS }: { readonly size?: number; readonly steps?: number } = {},
) {
  const { name: input, sampleShape } = sampleInput(graph);
  const dataset = withSampleShape(await openDataset("digits"), sampleShape, input);
  const parameters = trainableParameters(graph).map((parameter) => parameter.name);
  const stepGraph = buildStepGraph({
    graph,
    input,
    inputShape: [size, ...dataset.sampleShape],
    lossValue: "logits",
    parameters,
    config,
    noise: new Set(),
    watched: [],
    ...options,
  });
  const weights = stepGraph.state.filter((tensor) => tensor.kind !== "slot");
  const initial = initialValues(
    graph,
    weights.map((tensor) => tensor.name),
  );
  const step = await StepSession.create(await loadRuntime(), stepGraph, { config, initial });
  const batch = allocateBatch(dataset, size);
  const order = Int32Array.from({ length: ROWS }, (_, row) => row);
  const losses: number[] = [];
  for (let index = 0; index < steps; index++) {
    await fillBatch(batch, dataset, order, (index * size) % ROWS);
    losses.push((await step.run(batch, config.optimizer.learningRate, NOTHING_MORE)).loss);
  }
  const state = new Map([...step.state].map(([name, values]) => [name, values.slice()]));
  await step.release();
  return { losses, state, parameters };
}

/** float64 against float32 after twelve steps: the norm to 1e-4, single numbers to 2e-3 of their rms. */
export function expectClose(actual: Float32Array, golden: { norm: number; first: number[] }): void {
  const norm = Math.hypot(...actual);
  expect(Math.abs(norm - golden.norm)).toBeLessThan(1e-4 * golden.norm + 1e-6);
  const scale = Math.max(golden.norm / Math.sqrt(actual.length), 1e-3);
  for (const [index, value] of golden.first.entries()) {
    expect(Math.abs((actual[index] ?? Number.NaN) - value)).toBeLessThan(2e-3 * scale);
  }
}

export interface TorchOptimizer {
  name: string;
  lr: number;
  momentum?: number;
  betas?: number[];
  eps?: number;
  weight_decay?: number;
}

export function toOptimizer(torch: TorchOptimizer): TrainingConfig["optimizer"] {
  const kinds: Record<string, TrainingConfig["optimizer"]["kind"]> = {
    SGD: "sgd",
    Adam: "adam",
    AdamW: "adamw",
  };
  return {
    ...DEFAULT_TRAINING_CONFIG.optimizer,
    kind: kinds[torch.name] ?? "sgd",
    learningRate: torch.lr,
    momentum: torch.momentum ?? 0,
    beta1: torch.betas?.[0] ?? 0,
    beta2: torch.betas?.[1] ?? 0,
    epsilon: torch.eps ?? 1e-8,
    weightDecay: torch.weight_decay ?? 0,
  };
}
