import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { requireLayersTarget } from "../../../../src/training/tensorflow/layers-endings.ts";
import { readLayersFile, weightValues } from "../../../../src/training/tensorflow/layers-file.ts";
import { SAMPLES } from "../../../support/repository.ts";
import { temporaryFolder } from "../run-training.ts";

const QUANTIZATION = { dtype: "uint8", scale: 0.5, min: -1 };
const WEIGHTS = [
  { name: "kernel", shape: [2, 3], dtype: "float32" },
  { name: "count", shape: [], dtype: "int32" },
  { name: "bias", shape: [3], dtype: "float32" },
  { name: "small", shape: [2], dtype: "float32", quantization: QUANTIZATION },
];
const DATA = Buffer.concat([
  Buffer.from(Float32Array.from({ length: 10 }, (_, index) => index / 4).buffer),
  Buffer.of(3, 7),
]);

/** A model of a layer that nobody knows, in two files that part in the middle of a number. */
async function twoShards(): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "weights"));
  await writeFile(join(folder, "weights", "a.bin"), DATA.subarray(0, 13));
  await writeFile(join(folder, "b.bin"), DATA.subarray(13));
  const document = {
    format: "layers-model",
    generatedBy: "a test",
    modelTopology: { class_name: "Strange" },
    weightsManifest: [{ paths: ["weights/a.bin", "b.bin"], weights: WEIGHTS }],
  };
  const path = join(folder, "model.json");
  await writeFile(path, JSON.stringify(document));
  return path;
}

describe("a layers model's file", () => {
  test("is read across files, and quantized weights as what they stand for", async () => {
    const values = weightValues(await readLayersFile(await twoShards()));
    expect([...values.keys()]).toEqual(["kernel", "bias", "small"]);
    expect([...(values.get("bias") ?? [])]).toEqual([1.75, 2, 2.25]);
    expect([...(values.get("small") ?? [])]).toEqual([0.5, 2.5]);
  });

  test("is written with other numbers; all else stays", async () => {
    const file = await readLayersFile(await twoShards());
    const target = join(await temporaryFolder(), "a new folder", "trained.json");
    const [bias, small] = [Float32Array.of(7, 8, 9), Float32Array.of(0.1, 0.2)];
    await file.save(target, new Map(Object.entries({ bias, small })));
    const written = await readLayersFile(target);
    expect(weightValues(written)).toEqual(
      new Map([...weightValues(file), ["bias", bias], ["small", small]]),
    );
    expect(written.weights[1]?.data.read()).toEqual(file.weights[1]?.data.read());
    expect(written.topology).toEqual({ class_name: "Strange" });
    expect(written.fingerprint).not.toBe(file.fingerprint);
  });

  test("is written with the same numbers as it was", async () => {
    const path = await twoShards();
    const target = join(await temporaryFolder(), "model.json");
    await (await readLayersFile(path)).save(target, new Map());
    expect(await readFile(target, "utf8")).toBe(await readFile(path, "utf8"));
  });

  test("is written again and again without leaving anything behind", async () => {
    const file = await readLayersFile(await twoShards());
    const folder = await temporaryFolder();
    for (const start of [1, 2, 3]) {
      const values = new Map([["bias", Float32Array.of(start, 0, 0)]]);
      await file.save(join(folder, "model.json"), values);
    }
    const files = (await readdir(folder, { recursive: true })).filter((name) => /\./.test(name));
    expect(files).toHaveLength(3);
    const values = weightValues(await readLayersFile(join(folder, "model.json")));
    expect(values.get("bias")?.[0]).toBe(3);
  });

  test("is written in the format it has", () => {
    const refusal = /a\/b\.onnx: engine "tensorflow" writes .* ends in \.keras is needed/;
    expect(() => requireLayersTarget("a/b.onnx", "model.keras")).toThrow(refusal);
    expect(() => requireLayersTarget("a/b.JSON", "model.json")).not.toThrow();
  });

  test("of another kind is refused", async () => {
    const onnx = join(SAMPLES, "digits-cnn.onnx");
    await expect(readLayersFile(onnx)).rejects.toThrow(
      /digits-cnn\.onnx: engine "tensorflow" trains layers models .*"onnxruntime" trains this one/,
    );
    await expect(readLayersFile("nobody/model.json")).rejects.toThrow(/no such file/);
    const graphModel = { format: "graph-model", modelTopology: { node: [] }, weightsManifest: [] };
    const path = join(await temporaryFolder(), "model.json");
    await writeFile(path, JSON.stringify(graphModel));
    await expect(readLayersFile(path)).rejects.toThrow(/model\.json: is a graph model/);
    await copyFile(onnx, join(path, "..", "model.keras"));
    await expect(readLayersFile(join(path, "..", "model.keras"))).rejects.toThrow(
      /model\.keras: its content is not what Keras saves/,
    );
  });
});
