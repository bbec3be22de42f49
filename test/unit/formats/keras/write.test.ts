import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { unzipSync } from "fflate";
import { expect, test } from "vitest";
import { kerasSource } from "../../../../src/formats/keras/source.ts";
import { readModel, requireWritable, saveModel } from "../../../../src/formats/registry.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { batchNormToAffine } from "../../../../src/passes/batch-norm-to-affine.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import {
  errorAgainstKeras,
  fileOf,
  fixture,
  type Golden,
  goldens,
  scratchFolder,
} from "./keras-files.ts";

const NETWORKS = ["unet", "mobilenet", "resnet", "nested", "sequences"];

/** Float32 rounds a folded weight and bias once each; a lost bias or a swapped layer errs by about 1. */
const TOLERANCE = 1e-5;

async function read(name: string): Promise<Graph> {
  return readModel(await fileOf(fixture(name), name));
}

async function saved(graph: Graph, name = "model.keras"): Promise<string> {
  const target = join(await scratchFolder(), name);
  await saveModel(graph, target);
  return target;
}

function norms(graph: Graph): number {
  return graph.nodes.filter(({ opType }) => opType === "BatchNormalization").length;
}

/** The layers of a config in their order, those of nested models too. */
function layerNames(config: { layers: { config: { name: string; layers?: [] } }[] }): string[] {
  return config.layers.flatMap(({ config: layer }) => [
    layer.name,
    ...(layer.layers === undefined ? [] : layerNames(layer as typeof config)),
  ]);
}

function entriesOf(bytes: Uint8Array) {
  const entries = unzipSync(bytes);
  const text = (name: string) => new TextDecoder().decode(entries[name]);
  return {
    names: Object.keys(entries),
    config: text("config.json"),
    metadata: text("metadata.json"),
  };
}

test.each(Object.keys(goldens))(
  "%s.keras is written without a change byte for byte",
  async (name) => {
    const target = await saved(await read(`${name}.keras`));
    expect(Buffer.compare(await readFile(target), fixture(`${name}.keras`))).toBe(0);
  },
);

test.each(NETWORKS)("%s.keras is folded in its own format", async (name) => {
  const graph = await read(`${name}.keras`);
  const folded = foldBatchNorm.apply(graph, undefined, {});
  // A BatchNorm of the shared model has two nodes, each with its own call.
  const expected = goldens[name]?.norms ?? 0;
  expect(norms(folded.graph)).toBe(0);
  const target = await saved(folded.graph);
  const again = await readModel(target);
  expect(norms(again)).toBe(0);
  expect(await errorAgainstKeras(again, goldens[name] as Golden)).toBeLessThan(TOLERANCE);
  const [before, after] = [entriesOf(fixture(`${name}.keras`)), entriesOf(await readFile(target))];
  expect(after.names).toEqual(before.names);
  expect(after.metadata).toBe(before.metadata);
  const [old, now] = [JSON.parse(before.config), JSON.parse(after.config)];
  const gone = layerNames(old.config).filter((layer) => !layerNames(now.config).includes(layer));
  expect(layerNames(old.config).length - layerNames(now.config).length).toBe(expected);
  expect(gone.length).toBeLessThanOrEqual(expected);
  expect(now.compile_config).toEqual(old.compile_config);
});

test("what did not change keeps its spelling in config.json", async () => {
  const { graph } = foldBatchNorm.apply(await read("nested.keras"), undefined, {});
  const before = entriesOf(fixture("nested.keras")).config;
  const after = entriesOf(await readFile(await saved(graph))).config;
  // Python spells whole numbers of floats with a point; JavaScript's own JSON would not.
  expect(before).toContain('"max_value": 6.0');
  expect(after).toContain('"max_value": 6.0');
  const compiled = before.slice(before.lastIndexOf('"compile_config"'));
  expect(after.endsWith(compiled)).toBe(true);
});

test("new numbers come back, and everything else of the weights is as it was", async () => {
  const graph = await read("nested.keras");
  const name = "trunk/conv/kernel";
  const kernel = graph.initializers.get(name);
  if (kernel === undefined) throw new Error(`no ${name}`);
  const values = Float32Array.from({ length: 4 * 3 * 3 * 3 }, (_, index) => index / 7);
  const changed = float32Tensor(name, kernel.dims, values);
  const initializers = new Map(graph.initializers).set(name, changed);
  const target = await saved({ ...graph, initializers });
  const again = await readModel(target);
  for (const [each, tensor] of initializers) {
    expect(again.initializers.get(each)?.data.read()).toEqual(tensor.data.read());
  }
  const [before, after] = [kerasSource(graph)?.weights, kerasSource(again)?.weights];
  // The numbers of a weight changed, none came or went: the optimizer's state still fits.
  expect(after?.children.get("optimizer")).toEqual(before?.children.get("optimizer"));
  expect(entriesOf(await readFile(target)).config).toBe(entriesOf(fixture("nested.keras")).config);
});

test("an optimizer's state goes with the weights that it belonged to", async () => {
  const graph = await read("nested.keras");
  expect(kerasSource(graph)?.weights.children.has("optimizer")).toBe(true);
  const { graph: folded } = foldBatchNorm.apply(graph, undefined, {});
  const again = await readModel(await saved(folded));
  expect(kerasSource(again)?.weights.children.has("optimizer")).toBe(false);
});

test("what layers cannot say is refused with the place, and nothing is written", async () => {
  const graph = await read("unet.keras");
  const { graph: affine } = batchNormToAffine.apply(graph, ["batch_normalization"], {});
  const target = join(await scratchFolder(), "model.keras");
  await expect(requireWritable(affine, target)).rejects.toThrow(
    /layer batch_normalization: its BatchNormalization became another operator, (Mul|Add)/,
  );
  await expect(saveModel(affine, target)).rejects.toThrow(/became another operator, (Mul|Add)/);
  expect(await readdir(dirname(target))).toEqual([]);
  const converted = await saved(affine, "model.onnx");
  expect((await stat(converted)).size).toBeGreaterThan(0);
  const onnx = await readModel(converted);
  await expect(saveModel(onnx, target)).rejects.toThrow(/read from a .keras file/);
});
