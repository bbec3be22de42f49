import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { kerasH5Source } from "../../../../src/formats/keras-h5/source.ts";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { readFloat64 } from "../../../../src/graph/numbers.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import {
  errorAgainstKeras,
  fileOf,
  fixture,
  type Golden,
  scratchFolder,
} from "../keras/keras-files.ts";

/** What Keras 2 computes for a model: see test/oracles/keras2_files.py. */
const oracles = new URL("../../../oracles/keras2-files.json.gz", import.meta.url);
const goldens: Readonly<Record<string, Golden>> = JSON.parse(
  gunzipSync(readFileSync(oracles)).toString(),
);

/** Float32, through a handful of layers; a lost bias or a swapped gate errs by more than 0.01. */
const TOLERANCE = 1e-5;

async function read(name: string): Promise<Graph> {
  return readModel(await fileOf(fixture(`keras2-${name}.h5`), "model.h5"));
}

async function saved(graph: Graph): Promise<string> {
  const target = join(await scratchFolder(), "model.h5");
  await saveModel(graph, target);
  return target;
}

const contents = (graph: Graph) => kerasH5Source(graph)?.root;

test.each(Object.entries(goldens))(
  "a file of Keras 2 computes here what it does there, and is written as it was: %s",
  async (name, golden) => {
    const graph = await read(name);
    expect(await errorAgainstKeras(graph, golden)).toBeLessThan(TOLERANCE);
    const again = await readFile(await saved(graph));
    expect(Buffer.compare(again, fixture(`keras2-${name}.h5`))).toBe(0);
  },
);

test.each([
  ["images", 0],
  ["nested", 0],
] as const)("%s is folded in the form of Keras 2", async (name, left) => {
  const graph = await read(name);
  const again = await readModel(await saved(foldBatchNorm.apply(graph, undefined, {}).graph));
  const norms = again.nodes.filter(({ opType }) => opType === "BatchNormalization");
  expect(norms).toHaveLength(left);
  expect(await errorAgainstKeras(again, goldens[name] as Golden)).toBeLessThan(TOLERANCE);
  const [before, after] = [contents(graph), contents(again)];
  // It belongs to a list of weights that is no more.
  expect(before?.children.has("optimizer_weights")).toBe(true);
  expect(after?.children.has("optimizer_weights")).toBe(false);
  for (const key of ["keras_version", "backend", "training_config"]) {
    expect(before?.attributes.has(key)).toBe(true);
    expect(after?.attributes.get(key)).toEqual(before?.attributes.get(key));
  }
});

test.each(Object.keys(goldens))(
  "what an optimizer knew of %s stays beside new numbers",
  async (name) => {
    const graph = await read(name);
    const [bias = ""] = [...graph.initializers.keys()].filter((key) =>
      /(classes|numbers)\/bias/.test(key),
    );
    const old = graph.initializers.get(bias);
    if (old === undefined) throw new Error(`no bias in ${[...graph.initializers.keys()]}`);
    const values = Float32Array.from(readFloat64(old), (value) => value + 1);
    const initializers = new Map(graph.initializers);
    initializers.set(bias, float32Tensor(bias, old.dims, values));
    const again = await readModel(await saved({ ...graph, initializers }));
    expect(again.initializers.get(bias)?.data.read()).toEqual(initializers.get(bias)?.data.read());
    const [before, after] = [contents(graph), contents(again)];
    expect(before?.children.get("optimizer_weights")).toBeDefined();
    expect(after?.children.get("optimizer_weights")).toEqual(
      before?.children.get("optimizer_weights"),
    );
    expect(after?.attributes).toEqual(before?.attributes);
  },
);
