import { expect, test } from "vitest";
import { batchNormAfterActivation } from "../../../src/findings/batch-norm-after-activation.ts";
import { convModel, randomConfiguration } from "../passes/conv-models.ts";
import { modelOf, named, weights } from "../passes/dropout-models.ts";
import { fixture } from "./fixtures.ts";

test("a BatchNorm behind a nonlinearity is said for information", async () => {
  expect(batchNormAfterActivation.find(await fixture("bn-after-relu"))).toMatchObject([
    {
      severity: "information",
      node: "bn",
      message: expect.stringContaining("bn normalizes what Relu relu gives"),
    },
  ]);
});

test("also with pooling between, but not with a layer", () => {
  const behind = (opType: string, inputs: readonly string[]) =>
    modelOf(
      [
        named("Sigmoid", "s", ["x"], ["a"]),
        named(opType, "between", inputs, ["b"]),
        named("BatchNormalization", "bn", ["b", "p", "p", "p", "p"], ["y"]),
      ],
      { tensors: [weights("w", [4, 4]), weights("p", [4])] },
    );
  expect(batchNormAfterActivation.find(behind("Identity", ["a"]))).toHaveLength(1);
  expect(batchNormAfterActivation.find(behind("MatMul", ["a", "w"]))).toEqual([]);
});

test("one behind a layer is none", () => {
  expect(batchNormAfterActivation.find(convModel(randomConfiguration(1)))).toEqual([]);
});
