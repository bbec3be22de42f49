import { join } from "node:path";
import { expect, it } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import { SAMPLES } from "../../support/repository.ts";
import { pick, runTraining, SHORT } from "./run-training.ts";
import { trainSteps } from "./torch-steps.ts";

const model = await readModel(join(SAMPLES, "digits-mlp.onnx"));
const config = {
  ...DEFAULT_TRAINING_CONFIG,
  l2: 1e-2,
  gradientClipping: { norm: 0.5, value: 0 },
  threads: 1,
};
const weights = trainableParameters(model).filter(({ role }) => role === "weight");
const options = { penalized: new Set(weights.map(({ name }) => name)), limits: new Map() };

it.each(["sgd", "adam"] as const)(
  "four batches of eight are one batch of thirty-two (%s)",
  async (kind) => {
    const optimizer = { ...config.optimizer, kind, learningRate: kind === "sgd" ? 0.5 : 1e-3 };
    const whole = await trainSteps(model, { ...config, optimizer }, options);
    const parts = await trainSteps(model, { ...config, optimizer, accumulateBatches: 4 }, options, {
      size: 8,
      steps: 48,
    });
    const start = await trainSteps(model, { ...config, optimizer }, options, { steps: 0 });
    for (const name of whole.parameters) {
      const [one, four, first] = [whole, parts, start].map(
        ({ state }) => state.get(name) as Float32Array,
      ) as [Float32Array, Float32Array, Float32Array];
      const moved = Math.max(...one.map((value, index) => Math.abs(value - (first[index] ?? 0))));
      const apart = Math.max(...one.map((value, index) => Math.abs(value - (four[index] ?? 0))));
      // Sums in another order, twelve updates long.
      expect(moved).toBeGreaterThan(1e-3);
      expect(apart).toBeLessThan(1e-4 * moved);
    }
  },
);

it("nothing changes before the last batch of an update", async () => {
  const accumulating = { ...config, accumulateBatches: 4 };
  const [before, after, start] = [
    await trainSteps(model, accumulating, options, { size: 8, steps: 3 }),
    await trainSteps(model, accumulating, options, { size: 8, steps: 4 }),
    await trainSteps(model, accumulating, options, { size: 8, steps: 0 }),
  ];
  for (const name of start.parameters) {
    expect(before.state.get(name)).toEqual(start.state.get(name));
    expect(after.state.get(name)).not.toEqual(start.state.get(name));
  }
});

it("a run whose batches never make an update is refused", async () => {
  await expect(
    runTraining(model, { ...SHORT, maxEpochs: 1, accumulateBatches: 100 }),
  ).rejects.toThrow("accumulateBatches: 100 batches make one update, but the run has 16");
});

it("the schedule counts updates, and the epochs are as long as before", async () => {
  const { events } = await runTraining(model, {
    ...SHORT,
    maxEpochs: 2,
    accumulateBatches: 8,
    optimizer: { learningRate: 0.1 },
    schedule: { warmUpEpochs: 2, warmUpStart: 0 },
  });
  // 16 batches an epoch are 2 updates, 4 in all; the last of the first epoch is the second.
  const rates = pick(events, "epoch").map(({ learningRate }) => learningRate);
  expect(rates[0]).toBeCloseTo(0.1 / 4, 12);
  expect(rates[1]).toBeCloseTo((0.1 * 3) / 4, 12);
  expect(pick(events, "step")).toHaveLength(32);
});
