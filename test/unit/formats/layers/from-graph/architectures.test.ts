import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withComputedConstants } from "../../../../../src/engine/constant-nodes.ts";
import { knownShapes } from "../../../../../src/engine/known-shapes.ts";
import { layersModel } from "../../../../../src/formats/layers/from-graph/layers-model.ts";
import { readModel } from "../../../../../src/formats/registry.ts";
import { newTfjsModel } from "../../../../../src/formats/tfjs/new-model.ts";
import { loadRuntime } from "../../../../../src/runtime/onnx-runtime.ts";
import {
  load,
  randomInput,
  relativeDifference,
  runGraph,
  runLayers,
  scratchFolder,
} from "../../tfjs/tfjs-models.ts";

/** Twenty layers of float32 in another order of sums; a wrong permutation errs by about 1. */
const TOLERANCE = 1e-5;

const fixtures = "test/fixtures/architectures";

async function layersOf(name: string, dialect: "tfjs" | "keras3") {
  const graph = await readModel(join(fixtures, `${name}.onnx`));
  const computed = await withComputedConstants(graph, await loadRuntime());
  return { graph, model: layersModel(computed, knownShapes(computed), dialect) };
}

/** As PyTorch exports them; how many Permutes their borders and shuffles take. */
test.each([
  { name: "resnet18", input: [2, 3, 32, 32], permutes: 1 },
  { name: "mobilenetv2", input: [2, 3, 64, 64], permutes: 1 },
  { name: "efficientnet", input: [2, 3, 32, 32], permutes: 1 },
  { name: "densenet", input: [1, 3, 64, 64], permutes: 1 },
  { name: "convnext", input: [2, 3, 32, 32], permutes: 1 },
  { name: "unet", input: [1, 3, 32, 32], permutes: 2 },
  // Each of its seven channel shuffles is one.
  { name: "shufflenetv2", input: [1, 3, 64, 64], permutes: 8 },
  { name: "lstm", input: [2, 9, 12], permutes: 0 },
])("$name from PyTorch runs in TensorFlow.js", async ({ name, input, permutes }) => {
  const { graph, model } = await layersOf(name, "tfjs");
  expect(model.layers.filter(({ className }) => className === "Permute").length).toBe(permutes);
  const file = join(await scratchFolder(), "model.json");
  await newTfjsModel(model, "a test").save(file, {});
  const inputs = [randomInput(input)];
  const expected = await runGraph(graph, inputs);
  const loaded = await load(file);
  expect(loaded.outputs[0]?.shape.length).toBe(
    knownShapes(graph).shape(graph.outputs[0]?.name ?? "")?.length,
  );
  expect(relativeDifference(runLayers(loaded, inputs), expected)).toBeLessThan(TOLERANCE);
});

test("layers are named after the nodes, each differently and as Keras allows", async () => {
  const { model } = await layersOf("resnet18", "keras3");
  const names = model.layers.map(({ name }) => name);
  expect(names).toContain("layer1_layer1_0_conv1_Conv");
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
  expect(names.filter((name) => !/^[A-Za-z0-9][A-Za-z0-9_]*$/.test(name))).toEqual([]);
});

test("files of weights have 4 MB at most and together what the manifest says", async () => {
  const { model } = await layersOf("resnet18", "tfjs");
  const wide = Array.from({ length: 60 }, (_, copy) =>
    model.weights.map((weight) => ({ ...weight, path: [`copy${copy}`] })),
  ).flat();
  const file = join(await scratchFolder(), "model.json");
  await newTfjsModel({ ...model, weights: wide }, "a test").save(file, {});
  const [{ paths, weights }] = JSON.parse(await readFile(file, "utf8")).weightsManifest;
  expect(paths.length).toBeGreaterThan(1);
  const sizes = await Promise.all(
    paths.map(async (path: string) => (await readFile(join(file, "..", path))).length),
  );
  expect(Math.max(...sizes)).toBe(4 * 2 ** 20);
  const needed = weights.reduce(
    (sum: number, { shape }: { shape: number[] }) => sum + 4 * shape.reduce((a, b) => a * b, 1),
    0,
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(needed);
});

test.each([
  { name: "transformer", reason: /self_attn\/\S+ \((Reshape|MatMul)\): / },
  { name: "gru", reason: /layers\/GRU \(GRU\): it resets after its matrix product/ },
  {
    name: "resize-unet",
    reason: /\/Resize_1 \(Resize\): it interpolates at positions \(half_pixel\)/,
  },
])("what TensorFlow.js has no layer for in a $name is named", async ({ name, reason }) => {
  await expect(layersOf(name, "tfjs")).rejects.toThrow(reason);
});

test.each(["gru", "resize-unet"])("%s has layers in Keras", async (name) => {
  const { model } = await layersOf(name, "keras3");
  expect(model.layers.length).toBeGreaterThan(3);
});
