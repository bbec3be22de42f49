import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { modelReport } from "../../../src/engine/model-report.ts";
import { nodeDetail } from "../../../src/engine/node-detail.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { fromJsonNumber } from "../../../src/protocol/reports.ts";
import { committedModels, SAMPLES } from "../../support/repository.ts";

test("the sample network is summarized as PyTorch made it", async () => {
  const report = modelReport(await readModel(join(SAMPLES, "digits-cnn.onnx")));
  expect(report).toMatchObject({
    format: "onnx",
    opset: 17,
    inputs: [{ name: "x", type: "float32", shape: ["N", 1, 8, 8] }],
    outputs: [{ name: "logits", type: "float32", shape: ["N", 10] }],
    nodes: 13,
    operators: { Conv: 3, BatchNormalization: 3, Relu: 3, MaxPool: 1, Gemm: 1 },
  });
  // Three convolutions without bias, four parameters a BatchNorm channel, one linear layer.
  const convolutions = 16 * 9 + 32 * 16 * 9 + 64 * 32 * 9;
  expect(report.parameters).toBe(convolutions + 4 * (16 + 32 + 64) + 64 * 10 + 10);
});

test.each(committedModels())("%s: bytes are those of the file", async (file) => {
  const report = modelReport(await readModel(file));
  const external = file.includes("external")
    ? (await stat(file.replace(".onnx", ".data"))).size
    : 0;
  expect(report.bytes).toBe((await stat(file)).size + external);
});

test("the detail of a BatchNorm gives its parameters their names and its affine form", async () => {
  const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
  const detail = nodeDetail(graph, 1);
  expect(detail.name).toBe("bn1");
  expect(detail.parameters.map((parameter) => parameter.role)).toEqual([
    "gamma",
    "beta",
    "running mean",
    "running variance",
  ]);
  expect(detail.affine?.scale.length).toBe(16);
  expect(detail.inputs[0]?.from).toBe("Conv conv1");
  for (const parameter of detail.parameters) {
    expect(parameter.statistics?.count).toBe(16);
    const counted = parameter.statistics?.histogram.counts.reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(16);
  }
  const variance = detail.parameters[3]?.statistics;
  expect(fromJsonNumber(variance?.min ?? 0)).toBeGreaterThan(0);
});

test("attributes are shown with the shortest float32 decimals", async () => {
  const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
  const epsilon = nodeDetail(graph, 1).attributes.find(({ name }) => name === "epsilon");
  expect(epsilon?.value).toBe("0.00001");
});

test("a node that does not exist is refused by number", async () => {
  const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
  expect(() => nodeDetail(graph, 99)).toThrow(/node 99 does not exist; the model has 13/);
});
