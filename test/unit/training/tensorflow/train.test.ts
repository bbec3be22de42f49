import { describe, expect, test } from "vitest";
import { readModel } from "../../../../src/formats/registry.ts";
import { TENSORFLOW_FOLDER, tensorFlow, WHERE_TENSORFLOW_IS } from "../../../support/tensorflow.ts";
import { runTraining, temporaryFolder } from "../run-training.ts";
import { saveLayers, smallNetwork } from "./layers-models.ts";
import { runOnTensorFlow } from "./run.ts";
import { expectSameCurve, losses, TEN_STEPS } from "./same-curve.ts";

async function model(batchNorm?: { scale?: boolean; center?: boolean }): Promise<string> {
  return saveLayers(smallNetwork(tensorFlow().tf, batchNorm), await temporaryFolder());
}

describe.skipIf(TENSORFLOW_FOLDER === undefined)(`TensorFlow${WHERE_TENSORFLOW_IS}`, () => {
  test.each([
    [
      "Nesterov momentum, penalties, clipping, max-norm",
      {
        optimizer: { kind: "sgd", nesterov: true, learningRate: 0.02 },
        l1: 1e-3,
        l2: 1e-2,
        gradientClipping: { norm: 1, value: 0.1 },
        maxNorm: { limit: 0.8 },
      },
    ],
    ["centered RMSprop", { optimizer: { kind: "rmsprop", centered: true, rmspropMomentum: 0.5 } }],
    [
      "Adagrad, population variance",
      {
        optimizer: { kind: "adagrad", learningRate: 0.02, initialAccumulator: 0.1 },
        batchNorm: { runningVariance: "population", momentum: 0.3 },
        fromModel: { batchNorm: false },
      },
    ],
    ["Adam, accumulation, a schedule", { accumulateBatches: 3, schedule: { kind: "one-cycle" } }],
    [
      "AdamW, smoothing, class weights",
      {
        optimizer: { kind: "adamw", weightDecay: 0.5 },
        lossOptions: { labelSmoothing: 0.1, classWeights: "balanced" },
      },
    ],
    [
      "LAMB, a frozen layer",
      { optimizer: { kind: "lamb", learningRate: 0.01 }, frozen: { names: ["norm*"] } },
    ],
  ])("%s: draws ONNX Runtime's loss curve", async (_name, part) => {
    await expectSameCurve(await model(), part);
  });

  test.each([{ scale: false }, { center: false }, { scale: false, center: false }])(
    "BatchNormalization with %o trains as ONNX Runtime's with a frozen 1 and 0",
    async (batchNorm) => {
      const path = await model(batchNorm);
      const names = [
        ...(batchNorm.scale === false ? ["norm/gamma"] : []),
        ...(batchNorm.center === false ? ["norm/beta"] : []),
      ];
      const frozen = { names, updateStatistics: true };
      const here = (await runOnTensorFlow(path, TEN_STEPS)).events;
      const there = (await runTraining(await readModel(path), { ...TEN_STEPS, frozen })).events;
      for (const [step, loss] of losses(here).entries()) {
        expect(Math.abs(loss / (losses(there)[step] as number) - 1)).toBeLessThan(1e-4);
      }
    },
  );
});
