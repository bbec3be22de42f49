import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { linearTable, pick, runTraining, smallModel, temporaryFolder } from "./run-training.ts";

const NUMBERS = {
  loss: "mean-squared-error",
  weights: "keep",
  split: { train: 0.8, validation: 0.2, test: 0 },
  batchSize: 4,
  maxEpochs: 50,
};

describe("a run whose numbers stop being finite names the step and the first of them", () => {
  test("a value of the model, where one sample overflows it", async () => {
    // exp(0.1·(3000 + 1 + 1)) is past what float32 holds, 0.1·(1 + 1 + 1) is not.
    const rows = Array.from({ length: 40 }, (_, row) => `${row === 7 ? 3000 : 1},1,1,1`);
    const data = join(await temporaryFolder(), "outlier.csv");
    await writeFile(data, ["a,b,c,target", ...rows, ""].join("\n"));
    const { events } = await runTraining(smallModel(3, 1, ["Exp"]), {
      ...NUMBERS,
      data,
      optimizer: { kind: "sgd", learningRate: 1e-6 },
      // Where the outlier is among the training samples.
      seed: 1,
    });
    const [stop] = pick(events, "stop");
    const last = pick(events, "step").at(-1);
    expect(stop?.reason).toBe("diverged");
    expect(stop?.divergence).toEqual({ step: last?.step, first: { kind: "value", name: "Exp" } });
    expect(stop?.sentence).toBe(
      `Stopped in epoch 1: training diverged at step ${last?.step}. The first value that was NaN or infinite: Exp. The weights are those it started with.`,
    );
  });

  test("the gradient or the weights, where steps are too large", async () => {
    const { events } = await runTraining(smallModel(3, 1), {
      ...NUMBERS,
      data: await linearTable(),
      optimizer: { kind: "sgd", learningRate: 1e20 },
    });
    const [stop] = pick(events, "stop");
    const steps = pick(events, "step");
    // The first step leaves weights of 1e20, whose squared error is past float32.
    expect(Number.isFinite(steps[0]?.loss)).toBe(true);
    expect(steps).toHaveLength(2);
    expect(stop?.divergence).toEqual({ step: 2, first: { kind: "loss", name: "Gemm" } });
  });

  test("weights that the step before has spoiled", async () => {
    const { events } = await runTraining(smallModel(3, 1), {
      ...NUMBERS,
      data: await linearTable(),
      optimizer: { kind: "sgd", learningRate: 1e39 },
    });
    const [stop] = pick(events, "stop");
    expect(stop?.divergence).toEqual({ step: 1, first: { kind: "update", name: "w" } });
    expect(stop?.sentence).toContain("NaN or infinite: w after the step. The weights are those");
  });
});
