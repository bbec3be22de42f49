import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readModel, requireWritable, saveModel } from "../../../../src/formats/registry.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { batchNormToAffine } from "../../../../src/passes/batch-norm-to-affine.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { insertBatchNorm } from "../../../../src/passes/insert-batch-norm.ts";
import { checkedOptions } from "../../../../src/passes/options.ts";
import { randomInput, relativeDifference, runGraph, scratchFolder } from "../tfjs/tfjs-models.ts";
import { runInTensorFlow, saveDocument } from "./graph-file.ts";
import { type GraphNetwork, graphNetworks } from "./networks.ts";

/** Float32 rounds a folded weight and bias once each; a lost bias or wrong channel errs by about 1. */
const TOLERANCE = 1e-5;

async function nodeNames(file: string): Promise<string[]> {
  const { modelTopology } = JSON.parse(await readFile(file, "utf8"));
  return modelTopology.node
    .filter(({ op }: { op: string }) => op !== "Const")
    .map(({ name }: { name: string }) => name);
}

test.each(graphNetworks)("$name: written without a change byte for byte", async (network) => {
  for (const indent of [undefined, 2]) {
    const file = await network.build().save(network.outputs, indent);
    const copy = join(await scratchFolder(), "copy.json");
    await saveModel(await readModel(file), copy);
    expect(await readFile(copy)).toEqual(await readFile(file));
    const shard = "group1-shard1of1.bin";
    expect(await readFile(join(dirname(copy), shard))).toEqual(
      await readFile(join(dirname(file), shard)),
    );
  }
});

test.each(graphNetworks)("$name: folded in its own format", async (network) => {
  const { input, outputs, folds, gone } = network;
  const file = await network.build().save(outputs);
  const x = randomInput(input);
  const expected = await runInTensorFlow(file, { x }, outputs);
  const { graph, applied } = foldBatchNorm.apply(await readModel(file), undefined, {});
  expect(applied.length).toBe(folds);
  const folded = join(await scratchFolder(), "model.json");
  await saveModel(graph, folded);
  const found = await runInTensorFlow(folded, { x }, outputs);
  expect(relativeDifference(found, expected)).toBeLessThan(TOLERANCE);
  const [before, after] = [await nodeNames(file), await nodeNames(folded)];
  expect(before.filter((name) => !after.includes(name))).toEqual(gone);
  // Every constant that is left is read, and the files of weights hold no other.
  const document = JSON.parse(await readFile(folded, "utf8"));
  const { node } = document.modelTopology;
  const read = new Set(node.flatMap((each: { input?: string[] }) => each.input ?? []));
  const constants = node.filter(({ op }: { op: string }) => op === "Const");
  const names = constants.map(({ name }: { name: string }) => name);
  expect(names.filter((name: string) => !read.has(name))).toEqual([]);
  const stored = document.weightsManifest[0].weights.map(({ name }: { name: string }) => name);
  expect([...stored].sort()).toEqual([...names].sort());
});

test("a quantized weight that changes is stored as float32, the others stay as they are", async () => {
  const [network] = graphNetworks as [GraphNetwork];
  const file = network.build();
  const document = file.document(network.outputs);
  const [group] = document.weightsManifest as { weights: Record<string, unknown>[] }[];
  const quantized = ["conv_a/filter", "dense/kernel"];
  const parts: Buffer[] = [];
  let start = 0;
  for (const weight of group?.weights ?? []) {
    const count = (weight.shape as number[]).reduce((all, size) => all * size, 1);
    const part = file.bytes().subarray(start, start + 4 * count);
    start += 4 * count;
    if (!quantized.includes(weight.name as string)) parts.push(part);
    else {
      weight.quantization = { dtype: "uint8", scale: 1 / 256, min: -0.5 };
      const values = Array.from({ length: count }, (_, i) => part.readFloatLE(4 * i));
      parts.push(Buffer.from(values.map((value) => Math.round((value + 0.5) * 255))));
    }
  }
  const path = await saveDocument(document, Buffer.concat(parts));
  const x = randomInput(network.input);
  const expected = await runInTensorFlow(path, { x }, network.outputs);
  const { graph } = foldBatchNorm.apply(await readModel(path), undefined, {});
  const folded = join(await scratchFolder(), "model.json");
  await saveModel(graph, folded);
  const again = JSON.parse(await readFile(folded, "utf8"));
  const entry = (name: string) =>
    again.weightsManifest[0].weights.find((weight: { name: string }) => weight.name === name);
  expect(entry("conv_a/filter").quantization).toBeUndefined();
  expect(entry("dense/kernel").quantization.dtype).toBe("uint8");
  const found = await runInTensorFlow(folded, { x }, network.outputs);
  expect(relativeDifference(found, expected)).toBeLessThan(TOLERANCE);
});

const edits = [
  {
    name: "Mul and Add in place of a BatchNorm",
    network: graphNetworks[0] as GraphNetwork,
    edit: (graph: Graph) => batchNormToAffine.apply(graph, ["bn_a"], {}).graph,
  },
  {
    name: "a new BatchNorm",
    network: graphNetworks[1] as GraphNetwork,
    edit: (graph: Graph) =>
      insertBatchNorm.apply(
        foldBatchNorm.apply(graph, undefined, {}).graph,
        undefined,
        checkedOptions(insertBatchNorm, {}),
      ).graph,
  },
];

test.each(edits)("$name is written as nodes of the file", async ({ network, edit }) => {
  const file = await network.build().save(network.outputs);
  const x = randomInput(network.input);
  const expected = await runInTensorFlow(file, { x }, network.outputs);
  const edited = edit(await readModel(file));
  const target = join(await scratchFolder(), "model.json");
  await saveModel(edited, target);
  const found = await runInTensorFlow(target, { x }, network.outputs);
  expect(relativeDifference(found, expected)).toBeLessThan(TOLERANCE);
  const operators = (graph: Graph) => graph.nodes.map(({ opType }) => opType).sort();
  expect(operators(await readModel(target))).toEqual(operators(edited));
});

test("an operator without counterpart is kept and named, and what surrounds it folds", async () => {
  const [network] = graphNetworks as [GraphNetwork];
  const built = network.build();
  built.node("products", "Cumprod", ["softmax", built.list("k", [1], [])]);
  built.node("left", "Relu", ["products"]);
  const path = await built.save(["left"]);
  const graph = await readModel(path);
  const opaque = graph.nodes.filter(({ domain }) => domain !== "");
  expect(opaque.map(({ name, domain, opType }) => [name, domain, opType])).toEqual([
    ["products", "org.tensorflow", "Cumprod"],
  ]);
  const { graph: folded, applied } = foldBatchNorm.apply(graph, undefined, {});
  expect(applied.length).toBe(network.folds);
  const target = join(await scratchFolder(), "model.json");
  await saveModel(folded, target);
  const x = randomInput(network.input);
  const [before, after] = [
    await runInTensorFlow(path, { x }, ["left"]),
    await runInTensorFlow(target, { x }, ["left"]),
  ];
  expect(relativeDifference(after, before)).toBeLessThan(TOLERANCE);
});

test("what the format has no place for is refused, and nothing is written", async () => {
  const [network] = graphNetworks as [GraphNetwork];
  const graph = await readModel(await network.build().save(network.outputs));
  const target = join(await scratchFolder(), "model.json");
  const nodes = graph.nodes.filter(({ opType }) => opType !== "ReduceMean");
  const cut = { ...graph, nodes };
  await expect(requireWritable(cut, target)).rejects.toThrow(/pooled/);
  await expect(saveModel(cut, target)).rejects.toThrow(/pooled/);
  expect(await readdir(dirname(target))).toEqual([]);
});

test("a folded model converted to ONNX computes the same", async () => {
  const [network] = graphNetworks as [GraphNetwork];
  const file = await network.build().save(network.outputs);
  const x = randomInput(network.input);
  const { graph } = foldBatchNorm.apply(await readModel(file), undefined, {});
  const target = join(await scratchFolder(), "model.onnx");
  await saveModel(graph, target);
  const expected = await runInTensorFlow(file, { x }, network.outputs);
  const found = await runGraph(await readModel(target), [x]);
  expect(relativeDifference(found, expected)).toBeLessThan(TOLERANCE);
});
