import { join } from "node:path";
import { expect, it } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { readFloat64 } from "../../../src/graph/numbers.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { SAMPLES } from "../../support/repository.ts";
import { pick, runTraining, SHORT } from "./run-training.ts";

it("the penalty of an epoch is that of its weights, apart from the loss", async () => {
  const model = await readModel(join(SAMPLES, "digits-mlp.onnx"));
  const part = {
    ...SHORT,
    maxEpochs: 1,
    weights: "keep",
    // So small that the weights are those before the step.
    optimizer: { kind: "sgd", learningRate: 1e-12 },
  };
  const [l1, l2] = [1e-3, 0.02];
  const { events } = await runTraining(model, { ...part, l1, l2 });
  let expected = 0;
  for (const tensor of model.initializers.values()) {
    if ((tensor as Tensor).dims.length < 2) continue;
    for (const value of readFloat64(tensor))
      expected += l1 * Math.abs(value) + (l2 / 2) * value ** 2;
  }
  const [epoch] = pick(events, "epoch");
  expect(Math.abs(Number(epoch?.penalty) / expected - 1)).toBeLessThan(1e-5);
  const without = pick((await runTraining(model, part)).events, "epoch")[0];
  expect(without).not.toHaveProperty("penalty");
  expect(Number(epoch?.trainLoss)).toBeCloseTo(Number(without?.trainLoss), 6);
});
