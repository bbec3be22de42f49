import { join } from "node:path";
import { expect, it } from "vitest";
import { readModel } from "../../../../src/formats/onnx/read.ts";
import { SAMPLES } from "../../../support/repository.ts";
import { pick, runTraining, SHORT } from "../run-training.ts";

const model = await readModel(join(SAMPLES, "digits-mlp.onnx"));

it("a run follows its schedule and tells the learning rate of each epoch", async () => {
  const optimizer = { kind: "sgd", learningRate: 0.1 };
  const schedule = { kind: "step", factor: 0.5, everyEpochs: 1 };
  const { events } = await runTraining(model, { ...SHORT, optimizer, schedule });
  expect(pick(events, "epoch").map(({ learningRate }) => learningRate)).toEqual([0.1, 0.05, 0.025]);
  const steady = await runTraining(model, { ...SHORT, optimizer });
  const losses = [events, steady.events].map((events) =>
    pick(events, "epoch").map(({ trainLoss }) => trainLoss),
  );
  expect(losses[0]?.[0]).toBe(losses[1]?.[0]);
  expect(losses[0]?.[2]).not.toBe(losses[1]?.[2]);
});

it("the rate falls where validation does not improve by the threshold", async () => {
  const schedule = { kind: "plateau", factor: 0.1, patience: 0, threshold: 0.99 };
  const { events } = await runTraining(model, { ...SHORT, schedule });
  const rates = pick(events, "epoch").map(({ learningRate = Number.NaN }) => learningRate);
  expect(rates[0]).toBe(5e-3);
  expect(rates[1]).toBe(5e-3);
  expect(rates[2]).toBeCloseTo(5e-4, 12);
});
