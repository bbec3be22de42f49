import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { convertModel } from "../../../src/engine/convert.ts";
import { readModel } from "../../../src/formats/registry.ts";
import { GraphBuilder, makeValueInfo } from "../../../src/graph/builder.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { InputError } from "../../../src/graph/input-error.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "normlens-convert-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const context = {
  signal: new AbortController().signal,
  progress: () => undefined,
  trainingEvent: () => undefined,
};

test("a U-Net goes to TensorFlow.js and back with a certificate", async () => {
  const graph = await readModel("test/fixtures/architectures/unet.onnx");
  const target = join(folder, "unet.json");
  const there = await convertModel(graph, { target, verify: true }, context);
  expect(there).toMatchObject({ from: "onnx", to: "tfjs", certificate: { pass: true } });
  const layers = await readModel(target);
  expect(there.nodes).toBe(layers.nodes.length);
  const again = join(folder, "again.onnx");
  const back = await convertModel(layers, { target: again, verify: true }, context);
  expect(back).toMatchObject({ from: "tfjs", to: "onnx" });
  const onnx = await readModel(again);
  expect(onnx.nodes.flatMap(({ metadataProps }) => metadataProps)).toEqual([]);
  expect([...onnx.opsets.keys()]).toEqual([""]);
  expect(onnx.inputs[0]?.type?.value).toMatchObject({
    value: { shape: { dim: [{ value: { case: "dimParam" } }, {}, {}, {}] } },
  });
});

test.each([
  ["resnet18", "keras", "keras"],
  ["resnet18", "h5", "keras-h5"],
])("%s goes to Keras as .%s and back", async (name, ending, format) => {
  const graph = await readModel(`test/fixtures/architectures/${name}.onnx`);
  const target = join(folder, `${name}.${ending}`);
  const report = await convertModel(graph, { target, verify: true }, context);
  expect(report).toMatchObject({ from: "onnx", to: format, certificate: { pass: true } });
  const layers = await readModel(target);
  expect(layers.source.format).toBe(format);
  const back = join(folder, `${name}-${ending}.onnx`);
  await convertModel(layers, { target: back, verify: true }, context);
  const operators = (await readModel(back)).nodes.map(({ opType }) => opType);
  expect(operators.filter((opType) => opType === "Conv").length).toBe(21);
});

test("indices of 64 bits become those of 32 bits that TensorFlow.js has", async () => {
  const builder = new GraphBuilder(["words"]);
  const values = Float32Array.from({ length: 60 }, (_, index) => Math.sin(index));
  const table = builder.addInitializer(float32Tensor("table", [12, 5], values));
  const rows = builder.add("Gather", [table, "words"], { stem: "rows" });
  const mean = builder.add("ReduceMean", [rows], {
    stem: "mean",
    attributes: { axes: { ints: [1] }, keepdims: { int: 0 } },
  });
  const graph = builder.build(
    "words",
    [makeValueInfo("words", DataType.INT64, ["N", 6])],
    [makeValueInfo(mean, DataType.FLOAT, ["N", 5])],
    17,
  );
  const target = join(folder, "words.json");
  const report = await convertModel(graph, { target, verify: true }, context);
  expect(report.certificate).toMatchObject({ pass: true });
});

test("what cannot be converted leaves a file and its folder as they were", async () => {
  const graph = await readModel("test/fixtures/architectures/transformer.onnx");
  const inside = await mkdtemp(join(folder, "kept-"));
  const target = join(inside, "model.json");
  await writeFile(target, "mine");
  const conversion = convertModel(graph, { target, verify: true }, context);
  await expect(conversion).rejects.toThrow(InputError);
  await expect(conversion).rejects.toThrow(/layers cannot express .*self_attn/);
  expect(await readdir(inside)).toEqual(["model.json"]);
  expect(await readFile(target, "utf8")).toBe("mine");
});

test("an ending that names no format is refused with those that do", async () => {
  const graph = await readModel("test/fixtures/architectures/unet.onnx");
  const request = { target: join(folder, "model.pb"), verify: true };
  await expect(convertModel(graph, request, context)).rejects.toThrow(
    /model\.pb: its ending names no format of models; use one of .*\.onnx/,
  );
});
