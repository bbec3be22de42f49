import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import { numberToFloat16 } from "../../../../src/graph/numbers.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import {
  layers,
  load,
  randomInput,
  relativeDifference,
  runGraph,
  runLayers,
  save,
  scramble,
  scratchFolder,
} from "./tfjs-models.ts";

/** The same model with every weight quantized, in the way of the converter of TensorFlow.js. */
async function quantize(file: string, dtype: "uint8" | "uint16" | "float16"): Promise<void> {
  const document = JSON.parse(await readFile(file, "utf8"));
  const [{ paths, weights }] = document.weightsManifest;
  const bytes = await readFile(join(dirname(file), paths[0]));
  const values = new Float32Array(new Uint8Array(bytes).buffer);
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const weight of weights) {
    const size = weight.shape.reduce((all: number, n: number) => all * n, 1);
    const own = values.subarray(start, start + size);
    start += size;
    if (dtype === "float16") {
      weight.quantization = { dtype };
      parts.push(new Uint8Array(Uint16Array.from(own, numberToFloat16).buffer));
      continue;
    }
    const [min, max] = [Math.min(...own), Math.max(...own)];
    const scale = (max - min) / (dtype === "uint8" ? 255 : 65535) || 1;
    weight.quantization = { dtype, scale, min };
    const quantized = own.map((value) => Math.round((value - min) / scale));
    const stored = dtype === "uint8" ? Uint8Array.from(quantized) : Uint16Array.from(quantized);
    parts.push(new Uint8Array(stored.buffer));
  }
  await writeFile(join(dirname(file), paths[0]), Buffer.concat(parts));
  await writeFile(file, JSON.stringify(document, undefined, 2));
}

test.each(["uint8", "uint16", "float16"] as const)("weights quantized to %s", async (dtype) => {
  const model = layers.sequential();
  const { conv2d, batchNormalization, flatten, dense } = layers.layers;
  model.add(conv2d({ filters: 4, kernelSize: 3, inputShape: [6, 5, 2], name: "conv" }));
  model.add(batchNormalization({ name: "bn" }));
  model.add(flatten({ name: "flat" }));
  model.add(dense({ units: 3, name: "scores" }));
  scramble(model);
  const file = await save(model);
  await quantize(file, dtype);
  const graph = await readModel(file);
  const inputs = [randomInput([2, 6, 5, 2])];
  const expected = runLayers(await load(file), inputs);
  expect(relativeDifference(await runGraph(graph, inputs), expected)).toBeLessThan(1e-5);
  // Not a byte differs without a change; a fold changes the convolution alone.
  const copy = join(await scratchFolder(), "model.json");
  await saveModel(graph, copy);
  expect(await readFile(copy, "utf8")).toBe(await readFile(file, "utf8"));
  const folded = join(await scratchFolder(), "model.json");
  await saveModel(foldBatchNorm.apply(graph, undefined, {}).graph, folded);
  expect(relativeDifference(runLayers(await load(folded), inputs), expected)).toBeLessThan(1e-5);
  const text = await readFile(folded, "utf8");
  const { weights } = JSON.parse(text).weightsManifest[0];
  const plain = weights.filter((weight: { quantization?: object }) => !weight.quantization);
  expect(plain.map(({ name }: { name: string }) => name)).toEqual(["conv/kernel", "conv/bias"]);
  expect(text.startsWith('{\n  "modelTopology"')).toBe(true);
});
