import { describe, expect, it } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { DEFAULT_TRAINING_CONFIG } from "../../../src/protocol/default-training-config.ts";
import type { TrainingConfig } from "../../../src/protocol/training.ts";
import { trainableParameters } from "../../../src/training/parameters.ts";
import goldens from "../../oracles/training-curves.json" with { type: "json" };
import { expectClose, type TorchOptimizer, toOptimizer, trainSteps } from "./torch-steps.ts";

function toConfig(torch: TorchOptimizer, variance: "unbiased" | "population"): TrainingConfig {
  const optimizer = toOptimizer(torch);
  const l2 = torch.name === "SGD" ? (torch.weight_decay ?? 0) : 0;
  const batchNorm = { momentum: 0.1, runningVariance: variance };
  return { ...DEFAULT_TRAINING_CONFIG, optimizer, l2, batchNorm, threads: 2 };
}

/** PyTorch's weight_decay is of every parameter. */
async function trainAll(model: string, config: TrainingConfig) {
  const graph = await readModel(model);
  const parameters = trainableParameters(graph).map((parameter) => parameter.name);
  return trainSteps(graph, config, { penalized: new Set(parameters), limits: new Map() });
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
