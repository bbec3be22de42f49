import { expect, test } from "vitest";
import { batchNormTrainingMode } from "../../../src/findings/batch-norm-training-mode.ts";
import { makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { fixture } from "./fixtures.ts";

test.each(["training-mode", "opset6-is-test-0", "opset9-training-outputs"])(
  "%s is warned of, with the switch as its fix",
  async (name) => {
    const [warning, ...others] = batchNormTrainingMode.find(await fixture(name));
    expect(others).toEqual([]);
    expect(warning).toMatchObject({
      severity: "warning",
      node: "bn",
      message: expect.stringContaining("depends on the other samples of its batch"),
      fix: { title: "Switch bn to inference", pass: "switch-to-inference", site: "bn" },
    });
    expect(warning?.reason).toBeUndefined();
  },
);

test("where a statistic of the batch is read, the reason stands in place of a fix", async () => {
  const graph = await fixture("opset9-training-outputs");
  const saved = graph.nodes.find(({ name }) => name === "bn")?.output[3] ?? "";
  expect(saved).not.toBe("");
  const outputs = [...graph.outputs, makeValueInfo(saved, DataType.FLOAT, [1])];
  const [warning] = batchNormTrainingMode.find({ ...graph, outputs });
  expect(warning?.fix).toBeUndefined();
  expect(warning?.reason).toBe(
    `bn puts out ${saved}, a statistic of the batch, and somebody reads it.`,
  );
});

test("a BatchNorm at inference is not warned of", async () => {
  expect(batchNormTrainingMode.find(await fixture("conv2d-bn"))).toEqual([]);
});
