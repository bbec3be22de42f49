import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Hdf5Group } from "../../../../src/formats/hdf5/tree.ts";
import { nameList, withNameList } from "../../../../src/formats/keras-h5/name-lists.ts";
import { kerasH5Source } from "../../../../src/formats/keras-h5/source.ts";
import { readModel, saveModel } from "../../../../src/formats/registry.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import {
  errorAgainstKeras,
  fileOf,
  fixture,
  type Golden,
  goldens,
  scratchFolder,
} from "../keras/keras-files.ts";

/** Float32 rounds a folded weight and bias once each; a lost bias or a swapped layer errs by about 1. */
const TOLERANCE = 1e-5;

async function read(name: string): Promise<Graph> {
  return readModel(await fileOf(fixture(name), name));
}

async function saved(graph: Graph): Promise<string> {
  const target = join(await scratchFolder(), "model.h5");
  await saveModel(graph, target);
  return target;
}

test.each(Object.keys(goldens))("%s.h5 is written without a change byte for byte", async (name) => {
  const target = await saved(await read(`${name}.h5`));
  expect(Buffer.compare(await readFile(target), fixture(`${name}.h5`))).toBe(0);
});

test.each(["unet", "mobilenet", "resnet", "nested"])(
  "%s.h5 is folded in its own format",
  async (name) => {
    const graph = await read(`${name}.h5`);
    const folded = foldBatchNorm.apply(graph, undefined, {});
    const again = await readModel(await saved(folded.graph));
    expect(again.nodes.some(({ opType }) => opType === "BatchNormalization")).toBe(false);
    expect(await errorAgainstKeras(again, goldens[name] as Golden)).toBeLessThan(TOLERANCE);
    const [before, after] = [kerasH5Source(graph)?.root, kerasH5Source(again)?.root];
    const [old, now] = [
      before?.children.get("model_weights"),
      after?.children.get("model_weights"),
    ];
    // Keras gives the lists of weights to the layers one by one: none may be left over.
    const layers = nameList(now as Hdf5Group, "layer_names", "model_weights");
    expect(layers).toEqual(kerasH5Source(again)?.model.layers.map((layer) => layer.name));
    const all = nameList(old as Hdf5Group, "layer_names", "model_weights");
    expect(all.filter((layer) => layers.includes(layer))).toHaveLength(layers.length);
    const attributes = (root: Hdf5Group | undefined) =>
      [...(root?.attributes ?? [])].filter(([key]) => key !== "model_config");
    expect(attributes(after)).toEqual(attributes(before));
  },
);

test("new numbers come back, and nothing else of the file changes", async () => {
  const graph = await read("nested.h5");
  const name = "classes/bias";
  const values = Float32Array.from([0.25, -1, 3]);
  const initializers = new Map(graph.initializers).set(name, float32Tensor(name, [3], values));
  expect(graph.initializers.has(name)).toBe(true);
  const again = await readModel(await saved({ ...graph, initializers }));
  for (const [each, tensor] of initializers) {
    expect(again.initializers.get(each)?.data.read()).toEqual(tensor.data.read());
  }
  const [before, after] = [kerasH5Source(graph)?.root, kerasH5Source(again)?.root];
  expect(after?.attributes).toEqual(before?.attributes);
  expect(after?.children.get("optimizer_weights")).toEqual(
    before?.children.get("optimizer_weights"),
  );
});

test("long lists of names are cut as Keras cuts them, and read as one", () => {
  const group: Hdf5Group = { kind: "group", attributes: new Map(), children: new Map() };
  const names = Array.from({ length: 2000 }, (_, index) => `layer_${index}_${"x".repeat(60)}`);
  const long = withNameList(group, "layer_names", names);
  expect([...long.attributes.keys()]).toEqual(["layer_names0", "layer_names1", "layer_names2"]);
  expect(nameList(long, "layer_names", "group")).toEqual(names);
  const short = withNameList(long, "layer_names", ["a"]);
  expect([...short.attributes.keys()]).toEqual(["layer_names"]);
});
