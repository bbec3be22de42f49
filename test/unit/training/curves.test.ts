import { describe, expect, it } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingConfig } from "../../../src/protocol/training.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import goldens from "../../oracles/training-curves.json" with { type: "json" };
import longGoldens from "../../oracles/training-curves-100.json" with { type: "json" };
import { expectClose, type TorchOptimizer, toOptimizer, trainSteps } from "./torch-steps.ts";

function toConfig(
  torch: TorchOptimizer,
  variance: "unbiased" | "population",
  l2 = torch.name === "SGD" ? (torch.weight_decay ?? 0) : 0,
): TrainingConfig {
  const optimizer = toOptimizer(torch);
  const batchNorm = { momentum: 0.1, runningVariance: variance };
  return { ...DEFAULT_TRAINING_CONFIG, optimizer, l2, batchNorm, threads: 2 };
}

/** PyTorch's weight_decay is of every parameter. */
async function trainAll(model: string, config: TrainingConfig, steps?: number) {
  const graph = await readModel(model);
  const parameters = trainableParameters(graph).map((parameter) => parameter.name);
  const options = { penalized: new Set(parameters), limits: new Map() };
  return trainSteps(graph, config, options, steps === undefined ? {} : { steps });
}

describe("twelve steps are PyTorch's twelve steps", () => {
  for (const run of goldens.runs) {
    const decay = "weight_decay" in run.optimizer ? " with weight decay" : "";
    const momentum = "momentum" in run.optimizer ? " with momentum" : "";
    it(`${run.model} ${run.optimizer.name}${momentum}${decay}`, async () => {
      const config = toConfig(run.optimizer as TorchOptimizer, "unbiased");
      const { losses, state, parameters } = await trainAll(run.model, config);
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
    const { state } = await trainAll(run.model, config);
    for (const [name, golden] of Object.entries(run.runningStatistics)) {
      if (!name.endsWith("_population")) continue;
      expectClose(state.get(name.slice(0, -"_population".length)) as Float32Array, golden);
    }
  });
});

/**
 * For 20 steps the curve is the float64 one to 1e-4 (measured: 2e-7). Later a ReLU may take the other
 * side of its kink because of rounding, which sets two curves of the same numbers apart: by step 100
 * float32 PyTorch's own is off by up to 5e-3, and ours may be by the same again.
 */
describe("a hundred steps with L2 are PyTorch's hundred steps", () => {
  for (const run of longGoldens.runs) {
    const momentum = "momentum" in run.optimizer ? " with momentum" : "";
    it(`${run.model} ${run.optimizer.name}${momentum}`, async () => {
      const config = toConfig(run.optimizer as TorchOptimizer, "unbiased", run.l2);
      const { losses } = await trainAll(run.model, config, run.losses.length);
      expect(losses).toHaveLength(100);
      const errors = run.losses.map((loss, index) =>
        Math.abs((losses[index] ?? Number.NaN) / loss - 1),
      );
      expect(Math.max(...errors.slice(0, 20))).toBeLessThan(1e-4);
      expect(Math.max(...errors)).toBeLessThan(1e-2);
    });
  }
});
