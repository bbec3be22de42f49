import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { splitSamples } from "../../../src/data/split.ts";
import { preparedModel } from "../../../src/engine/prepared-model.ts";
import { sampleRuns } from "../../../src/engine/sample-runs.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { nodeRole } from "../../../src/graph/node-role.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { foldMeanOnlyBatchNorm } from "../../../src/passes/fold-mean-only-batch-norm.ts";
import { insertMeanOnlyBatchNorm } from "../../../src/passes/insert-mean-only-batch-norm.ts";
import { checkedOptions } from "../../../src/passes/options.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingConfig } from "../../../src/protocol/training.ts";
import { mergeConfig } from "../../../src/training/config.ts";
import { withFreshWeights } from "../../../src/training/fresh-model.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { SAMPLES } from "../../support/repository.ts";
import { context } from "../../support/request-context.ts";
import { differenceInRuntime } from "../passes/equivalence.ts";
import { nodeNamed, numbersOf } from "../passes/layer-graphs.ts";
import { pick, runTraining } from "./run-training.ts";

/** The lecture's sigmoid network, which learns nothing at all in so few epochs as it is. */
const MODEL = join(SAMPLES, "digits-mlp.onnx");
const OPTIONS = {
  seed: 1,
  maxEpochs: 5,
  optimizer: { kind: "sgd", learningRate: 0.1 },
  statistics: { values: [] },
} as const;

const BATCH_NORM = [{ pass: "insert-batch-norm", options: { mode: "fresh" } }];
const MEAN_ONLY = [{ pass: "insert-mean-only-batch-norm" }];

async function trained(passes: TrainingConfig["passes"]) {
  const config = mergeConfig(DEFAULT_TRAINING_CONFIG, { ...OPTIONS, passes });
  const { graph, ...prepared } = await preparedModel(await readModel(MODEL), config, context);
  const { events, result } = await runTraining(graph, { ...OPTIONS, passes }, prepared);
  const [done] = pick(events, "done");
  const model = await readModel(result.bestModel);
  return { graph, model, accuracy: Number(done?.testAccuracy), loss: Number(done?.testLoss) };
}

/** Share of the test samples that a saved model gets right, in ONNX Runtime alone. */
async function accuracyOf(model: Graph): Promise<number> {
  const dataset = await openDataset("digits");
  const { test: rows } = splitSamples(dataset, DEFAULT_TRAINING_CONFIG.split, OPTIONS.seed);
  let right = 0;
  await sampleRuns(dataset, rows, context).run(model, ["logits"], ({ values, labels, count }) => {
    const { dims, data } = values.get("logits") ?? { dims: [], data: new Float32Array() };
    const classes = dims[1] as number;
    for (let row = 0; row < count; row++) {
      const scores = data.subarray(row * classes, (row + 1) * classes);
      if (scores.indexOf(Math.max(...scores)) === labels?.[row]) right++;
    }
  });
  return right / rows.length;
}

describe("training with normalization put in", () => {
  test("BatchNorm learns in 5 epochs what the network as it is does not", async () => {
    const plain = await trained([]);
    expect(plain.accuracy).toBeLessThan(0.3);
    const { graph, model, accuracy } = await trained(BATCH_NORM);
    expect(accuracy).toBeGreaterThan(0.93);
    expect(await accuracyOf(model)).toBeCloseTo(accuracy, 12);
    const trainedNames = trainableParameters(graph).map(({ name }) => name);
    expect(trainedNames).toContain("fc1_norm.weight");
    expect(trainedNames).not.toContain("fc1_norm.running_mean");
    expect(trainedNames.filter((name) => /fc[123]\.bias/.test(name))).toEqual([]);
    const folded = foldBatchNorm.apply(model, undefined, {}).graph;
    expect(folded.nodes).toHaveLength(7);
    expect(await differenceInRuntime(model, folded)).toBeLessThanOrEqual(1);
  });

  test("mean-only BatchNorm too: its running mean is a state, its shift is trained", async () => {
    const { graph, model, accuracy } = await trained(MEAN_ONLY);
    expect(accuracy).toBeGreaterThan(0.5);
    // Training evaluated with the running means; so does the saved model.
    expect(await accuracyOf(model)).toBeCloseTo(accuracy, 12);
    const names = trainableParameters(graph).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["fc1_mean.bias", "fc2_mean.bias"]));
    expect(names.filter((name) => name.includes("running"))).toEqual([]);
    const sub = nodeNamed(model, "fc2_mean");
    expect([sub.opType, nodeRole(sub)]).toEqual(["Sub", "mean-only-batch-norm"]);
    const running = numbersOf(model, sub.input[1]);
    const samples = sampleRuns(await openDataset("digits"), undefined, context);
    const sums = new Float64Array(running.length);
    await samples.run(model, [sub.input[0] ?? ""], ({ values }) => {
      for (const { data } of values.values()) {
        for (const [position, value] of data.entries()) {
          const channel = position % sums.length;
          sums[channel] = (sums[channel] as number) + value;
        }
      }
    });
    const scale = Math.max(...running.map(Math.abs));
    expect(scale).toBeGreaterThan(0.01);
    for (const [channel, sum] of sums.entries()) {
      // The running mean is of the last ten batches or so, while the weights moved on.
      expect(Math.abs(sum / samples.count - (running[channel] as number))).toBeLessThan(scale / 5);
    }
    const folded = foldMeanOnlyBatchNorm.apply(model, undefined, {}).graph;
    expect(folded.nodes).toHaveLength(7);
    expect(await differenceInRuntime(model, folded)).toBeLessThanOrEqual(1);
  });

  test("together with weight normalization", async () => {
    const { model, accuracy, loss } = await trained([{ pass: "apply-weight-norm" }, ...MEAN_ONLY]);
    expect(Number.isFinite(loss)).toBe(true);
    expect(await accuracyOf(model)).toBeCloseTo(accuracy, 12);
    const running = readFloat64(
      model.initializers.get("fc1_mean.running_mean") as Parameters<typeof readFloat64>[0],
    );
    expect(running.some((value) => value !== 0)).toBe(true);
    const folded = foldMeanOnlyBatchNorm.apply(model, undefined, {});
    expect(folded.applied.map(({ into }) => into)).toEqual(["fc1", "fc2", "fc3"]);
    expect(await differenceInRuntime(model, folded.graph)).toBeLessThanOrEqual(1);
  });
});

test("fresh weights are fresh running means too", async () => {
  const options = checkedOptions(insertMeanOnlyBatchNorm, { mode: "calibrated" });
  const samples = sampleRuns(await openDataset("digits"), undefined, context);
  const result = await insertMeanOnlyBatchNorm.applyOnData?.(
    await readModel(MODEL),
    undefined,
    options,
    samples,
  );
  const calibrated = result?.graph as Graph;
  const running = "fc1_mean.running_mean";
  expect(numbersOf(calibrated, running).some((value) => value !== 0)).toBe(true);
  const fresh = withFreshWeights(calibrated, { ...DEFAULT_TRAINING_CONFIG, seed: 3 });
  expect(numbersOf(fresh, running).every((value) => value === 0)).toBe(true);
  expect(numbersOf(fresh, "fc1_mean.bias").every((value) => value === 0)).toBe(true);
});
