import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Batch } from "../../../src/data/batches.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { elementCount } from "../../../src/graph/tensor.ts";
import type { ConvRecipes } from "../../../src/operators/conv-recipe.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { buildWithFastest } from "../../../src/training/fastest-recipes.ts";
import { lossValue, sampleInput } from "../../../src/training/forward-part.ts";
import { mostAlive } from "../../../src/training/memory-estimate.ts";
import { initialValues, trainableParameters } from "../../../src/training/parameters.ts";
import { buildStepGraph } from "../../../src/training/step-graph.ts";
import { StepSession } from "../../../src/training/step-session.ts";
import { MOST_STEPS_OF_RUN } from "../../../src/training/training-step.ts";
import { randomBatches } from "./random-batch.ts";

const WARM_UP = 10;

export interface Measurement {
  readonly medianMs: number;
  readonly minMs: number;
  readonly nodes: number;
}

/** Times our training step on random data: forward, cross-entropy, gradients, Adam, no statistics. */
export async function measureStep(
  model: string,
  options: { readonly batch: number; readonly threads: number; readonly steps: number },
): Promise<Measurement> {
  const graph = await readModel(model);
  const { name: input, sampleShape } = sampleInput(graph);
  const inputShape = [options.batch, ...sampleShape.map((size) => size ?? 1)];
  const config = { ...DEFAULT_TRAINING_CONFIG, threads: options.threads };
  const parameters = trainableParameters(graph).map((parameter) => parameter.name);
  const runtime = await loadRuntime();
  const build = (convolutions: ConvRecipes) =>
    buildStepGraph({
      graph,
      input,
      inputShape,
      lossValue: lossValue(graph, "cross-entropy"),
      parameters,
      penalized: new Set(),
      limits: new Map(),
      noise: new Set(),
      config,
      watched: [],
      convolutions,
    });
  const file = join(tmpdir(), "normlens-bench-recipes.json");
  const { signal } = new AbortController();
  const stepGraph = await buildWithFastest(
    { runtime, threads: options.threads, file, signal },
    build,
  );
  const weights = stepGraph.state.filter((tensor) => tensor.kind !== "slot");
  const initial = initialValues(
    graph,
    weights.map((tensor) => tensor.name),
  );
  const session = await StepSession.create(runtime, stepGraph, {
    config,
    initial,
    working: mostAlive(stepGraph.graph),
  });
  const milliseconds = await timedSteps(session, options, elementCount(inputShape));
  await session.release();
  const measured = milliseconds.slice(WARM_UP).sort((a, b) => a - b);
  return {
    medianMs: measured[Math.floor(measured.length / 2)] ?? Number.NaN,
    minMs: measured[0] ?? Number.NaN,
    nodes: stepGraph.graph.nodes.length,
  };
}

/** What each step takes, where as many are one run as training would take together. */
async function timedSteps(
  session: StepSession,
  { batch, steps }: { readonly batch: number; readonly steps: number },
  numbers: number,
): Promise<number[]> {
  const stack = randomBatches(batch, numbers, MOST_STEPS_OF_RUN);
  const { learningRate } = DEFAULT_TRAINING_CONFIG.optimizer;
  const wishes = { samples: false, details: false };
  const milliseconds: number[] = [];
  while (milliseconds.length < WARM_UP + steps) {
    const { count } = session.several;
    const planned = stack.batches
      .slice(0, count)
      .map((each) => ({ batch: each, learningRate, divergenceFactor: 0, wishes }));
    const start = performance.now();
    if (count === 1) await session.run(planned[0]?.batch as Batch, learningRate, wishes);
    else await session.several.run(planned, stack.first(count), { untilNotFinite: true });
    const each = (performance.now() - start) / count;
    milliseconds.push(...Array<number>(count).fill(each));
  }
  return milliseconds;
}
