import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readDigits } from "../../../../src/data/digits.ts";
import { readModel } from "../../../../src/formats/registry.ts";
import type { TrainingEvent } from "../../../../src/protocol/training.ts";
import { TENSORFLOW_FOLDER, tensorFlow, WHERE_TENSORFLOW_IS } from "../../../support/tensorflow.ts";
import { pick, runTraining, temporaryFolder } from "../run-training.ts";
import { saveLayers, smallNetwork } from "./layers-models.ts";
import { runOnTensorFlow } from "./run.ts";

/** Ten steps, and few samples to validate on. */
const TEN_STEPS = {
  data: await fewDigits(),
  weights: "keep",
  split: { train: 0.9, validation: 0.05, test: 0.05 },
  maxEpochs: 1,
  statistics: { detailsEverySteps: 3 },
};

/** Every fifth of the digits. */
async function fewDigits(): Promise<string> {
  const { features, targets, count } = await readDigits();
  const lines = Array.from({ length: Math.floor(count / 5) }, (_, index) => {
    const row = 5 * index;
    const label = targets?.kind === "classes" ? targets.labels[row] : Number.NaN;
    return [...features.subarray(64 * row, 64 * (row + 1)), label].join();
  });
  const header = [...Array.from({ length: 64 }, (_, pixel) => `p${pixel}`), "label"].join();
  const path = join(await temporaryFolder(), "digits.csv");
  await writeFile(path, [header, ...lines].join("\n"));
  return path;
}

const losses = (events: readonly TrainingEvent[]) =>
  pick(events, "step").map(({ loss }) => Number(loss));

async function model(batchNorm?: { scale?: boolean; center?: boolean }): Promise<string> {
  return saveLayers(smallNetwork(tensorFlow().tf, batchNorm), await temporaryFolder());
}

describe.skipIf(TENSORFLOW_FOLDER === undefined)(`TensorFlow${WHERE_TENSORFLOW_IS}`, () => {
  // Rounding of float32 grows from step to step; 1e-4 is what ten steps leave of it many times over.
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
    const path = await model();
    const config = { ...TEN_STEPS, ...part };
    const here = (await runOnTensorFlow(path, config)).events;
    const there = (await runTraining(await readModel(path), config)).events;
    expect(losses(here)).toHaveLength(10);
    const [own, other] = [losses(here), losses(there)];
    for (const [step, loss] of own.entries()) {
      expect(Math.abs(loss / (other[step] as number) - 1)).toBeLessThan(1e-4);
    }
    expectNear(pick(here, "epoch")[0], pick(there, "epoch")[0]);
    expectNear(pick(here, "step")[6], pick(there, "step")[6]);
    expectNear(pick(here, "done")[0], pick(there, "done")[0]);
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

/** Every number that both events have, to 1e-3; seconds apart. */
function expectNear(own: object | undefined, other: object | undefined): void {
  const numbers = Object.entries(own ?? {}).filter(
    ([name, value]) => typeof value === "number" && name !== "seconds",
  );
  expect(numbers.length).toBeGreaterThan(0);
  for (const [name, value] of numbers) {
    const expected = (other as Record<string, unknown>)[name];
    if (typeof expected === "number") expect(value, name).toBeCloseTo(expected, 3);
  }
}
