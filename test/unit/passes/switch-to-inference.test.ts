import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { verify } from "../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { switchToInference } from "../../../src/passes/switch-to-inference.ts";

const fixture = (name: string) =>
  readModel(new URL(`../../fixtures/onnx/${name}.onnx`, import.meta.url).pathname);

describe("switch-to-inference", () => {
  test.each([
    "training-mode",
    "training-mode-outputs-unused",
    "opset6-is-test-0",
    "opset9-training-outputs",
  ])("%s folds afterwards", async (name) => {
    const graph = await fixture(name);
    const { graph: switched, applied, statement } = switchToInference.apply(graph, undefined, {});
    expect(statement).toMatch(/running mean and variance/);
    expect(applied).toEqual([{ node: "bn", into: "bn" }]);
    expect(verify(switched)).toEqual([]);
    expect(switchToInference.find(switched, {})).toEqual([]);
    const folded = foldBatchNorm.apply(switched, undefined, {});
    expect(folded.applied).toEqual([{ node: "bn", into: "conv" }]);
    expect(verify(folded.graph)).toEqual([]);
  });

  test("running statistics that somebody reads are the ones that were stored", async () => {
    const { graph } = switchToInference.apply(await fixture("training-mode"), undefined, {});
    expect(
      graph.nodes.slice(2).map(({ opType, input, output }) => [opType, input, output]),
    ).toEqual([
      ["Identity", ["mean"], ["running_mean"]],
      ["Identity", ["variance"], ["running_var"]],
    ]);
  });

  test("a BatchNorm at inference is no site", async () => {
    const graph = await fixture("conv2d-bn");
    expect(switchToInference.find(graph, {})).toEqual([]);
    expect(switchToInference.apply(graph, undefined, {})).not.toHaveProperty("statement");
  });
});
