import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { elementCount } from "../../../src/graph/tensor.ts";
import type { ConvRecipes } from "../../../src/operators/conv-recipe.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { detailsDue } from "../../../src/training/detail-rhythm.ts";
import { buildWithFastest } from "../../../src/training/fastest-recipes.ts";
import { lossValue, sampleInput } from "../../../src/training/forward-part.ts";
import { mostAlive } from "../../../src/training/memory-estimate.ts";
import {
  initialValues,
  isLayerWeight,
  trainableParameters,
} from "../../../src/training/parameters.ts";
import { buildStepGraph } from "../../../src/training/step-graph.ts";
import { StepSession } from "../../../src/training/step-session.ts";
import {
  MOST_STEPS_OF_RUN,
  type PlannedStep,
  type StepWishes,
} from "../../../src/training/training-step.ts";
import { percentiles, resolveValues } from "../../../src/training/watched-values.ts";
import { randomBatches } from "./random-batch.ts";

/**
 * Times our training step on random data (forward, cross-entropy, gradients, Adam) and prints
 * { medianMs, peakMiB, nodes } as JSON:
 * `--model cnn28.onnx --batch 64 --threads 2 --steps 50 [--statistics]`, with what a run records of
 * its steps by default, or without.
 */
const { values } = parseArgs({
  options: {
    model: { type: "string", default: "" },
    batch: { type: "string", default: "64" },
    threads: { type: "string", default: "2" },
    steps: { type: "string", default: "50" },
    statistics: { type: "boolean", default: false },
  },
});

const WARM_UP = 10;
const batchSize = Number(values.batch);
const config = { ...DEFAULT_TRAINING_CONFIG, threads: Number(values.threads) };
const cycle = config.statistics.detailsEverySteps;

async function openSession() {
  const graph = await readModel(values.model);
  const { name: input, sampleShape } = sampleInput(graph);
  const inputShape = [batchSize, ...sampleShape.map((size) => size ?? 1)];
  const parameters = trainableParameters(graph);
  const recorded = {
    watched: resolveValues(graph, "auto", "statistics.values"),
    weights: parameters.filter(isLayerWeight).map(({ name }) => name),
  };
  const build = (convolutions: ConvRecipes) =>
    buildStepGraph({
      graph,
      input,
      inputShape,
      lossValue: lossValue(graph, "cross-entropy"),
      parameters: parameters.map(({ name }) => name),
      penalized: new Set(),
      limits: new Map(),
      noise: new Set(),
      config,
      convolutions,
      ...(values.statistics ? recorded : { watched: [] }),
    });
  const runtime = await loadRuntime();
  const file = join(tmpdir(), "normlens-bench-recipes.json");
  const { signal } = new AbortController();
  const step = await buildWithFastest({ runtime, threads: config.threads, file, signal }, build);
  const kept = step.state.filter(({ kind }) => kind !== "slot").map(({ name }) => name);
  const session = await StepSession.create(runtime, step, {
    config,
    initial: initialValues(graph, kept),
    working: mostAlive(step.graph),
  });
  return { session, numbers: elementCount(inputShape), nodes: step.graph.nodes.length };
}

/** What each step takes, where as many are one run as training would take together. */
async function timedSteps(session: StepSession, numbers: number): Promise<number[]> {
  const stack = randomBatches(batchSize, numbers, MOST_STEPS_OF_RUN);
  const { learningRate } = config.optimizer;
  const wishesOf = (step: number): StepWishes => ({
    samples: values.statistics && step % config.statistics.everySteps === 0,
    details: values.statistics && detailsDue(step, config),
  });
  const milliseconds: number[] = [];
  while (milliseconds.length < WARM_UP + Number(values.steps)) {
    const done = milliseconds.length;
    const { count } = session.several;
    const planned = stack.batches.slice(0, count).map((batch, ahead): PlannedStep => {
      return { batch, learningRate, divergenceFactor: 0, wishes: wishesOf(done + ahead) };
    });
    const { batch, wishes } = planned[0] as PlannedStep;
    const start = performance.now();
    const results =
      count === 1
        ? [await session.run(batch, learningRate, wishes)]
        : await session.several.run(planned, stack.first(count), { untilNotFinite: true });
    for (const { samples } of results) for (const sample of samples.values()) percentiles(sample);
    const each = (performance.now() - start) / count;
    milliseconds.push(...Array<number>(count).fill(each));
  }
  return milliseconds.slice(WARM_UP);
}

/** A step's time on average over the places of the cycle, of which one tells details: the places' medians. */
function typical(milliseconds: readonly number[]): number {
  const medians = Array.from({ length: cycle }, (_, place) => {
    const own = milliseconds.filter((_, step) => step % cycle === place).sort((a, b) => a - b);
    return own[Math.floor(own.length / 2)];
  }).filter((median) => median !== undefined);
  return medians.reduce((sum, median) => sum + median, 0) / medians.length;
}

const { session, numbers, nodes } = await openSession();
const medianMs = typical(await timedSteps(session, numbers));
await session.release();
const peakMiB = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ medianMs, peakMiB, nodes }));
