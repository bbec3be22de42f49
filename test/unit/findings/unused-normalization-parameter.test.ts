import { expect, test } from "vitest";
import { unusedNormalizationParameter } from "../../../src/findings/unused-normalization-parameter.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { convModel, randomConfiguration } from "../passes/conv-models.ts";

test("a parameter of a normalization that nobody reads is named", () => {
  const model = convModel(randomConfiguration(4));
  expect(unusedNormalizationParameter.find(model)).toEqual([]);
  const left = float32Tensor("layer1.bn.running_mean", [3], [1, 2, 3]);
  const initializers = new Map(model.initializers).set(left.name, left);
  expect(unusedNormalizationParameter.find({ ...model, initializers })).toMatchObject([
    {
      severity: "information",
      node: left.name,
      message: "The normalization parameter layer1.bn.running_mean (3 numbers) is read by nobody.",
    },
  ]);
});
