import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findings } from "../../../src/findings/registry.ts";
import { parseModel, readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel, saveModel } from "../../../src/formats/onnx/write.ts";
import { InputError } from "../../../src/graph/input-error.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";
import { modelWithNodes, nestedModel } from "../../support/hostile-models.ts";
import { writeLargeModel } from "../../support/large-model.ts";
import { SAMPLES, temporaryFolder } from "../../support/repository.ts";

const CONV = { opType: "Conv", input: ["x", "w"], output: ["c"] };
const NORM = { opType: "BatchNormalization", input: ["c", "s", "b", "m", "v"], output: ["y"] };
const RIGHT = { w: [2, 2, 1, 1], s: [2], b: [2], m: [2], v: [2] };

describe("a graph that leads nowhere is refused when it is read", () => {
  test.each([
    [
      "two nodes in a ring",
      modelWithNodes([
        { opType: "Relu", input: ["b"], output: ["a"] },
        { opType: "Relu", input: ["a"], output: ["b"] },
      ]),
      /node 0 \(Relu a\) waits for its own result; 2 nodes are in or behind the cycle/,
    ],
    [
      "a node that reads itself",
      modelWithNodes([{ opType: "Relu", input: ["a"], output: ["a"] }]),
      /node 0 \(Relu a\) waits for its own result/,
    ],
    [
      "a ring behind a straight line",
      modelWithNodes([CONV, NORM, { opType: "Add", input: ["y", "z"], output: ["z"] }]),
      /node 2 \(Add z\) waits for its own result/,
    ],
    [
      "two nodes that make the same value",
      modelWithNodes([CONV, { ...CONV, opType: "Relu" }], RIGHT),
      /node 1 \(Relu c\) defines "c", which node 0 \(Conv c\) defines already/,
    ],
    [
      "a node that makes an initializer",
      modelWithNodes([{ ...CONV, output: ["w"] }], RIGHT),
      /defines "w", which an input or initializer defines already/,
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => parseModel(bytes)).toThrow(InputError);
    expect(() => parseModel(bytes)).toThrow(message);
  });
});

test("nodes out of order that are no ring are still a model", () => {
  const late = modelWithNodes([NORM, CONV], RIGHT);
  const graph = parseModel(late);
  expect(graph.nodes.length).toBe(2);
  findings(graph);
  encodeModel(foldBatchNorm.apply(graph, undefined, {}).graph);
});

test.each(["s", "b", "m", "v"])(
  "a BatchNorm whose %s has the wrong length is left with a reason",
  (name) => {
    const graph = parseModel(modelWithNodes([CONV, NORM], { ...RIGHT, [name]: [3] }));
    const { applied, skipped } = foldBatchNorm.apply(graph, undefined, {});
    expect(applied).toEqual([]);
    expect(skipped.length).toBe(1);
    // Scale against shift, or either statistic against the scale: the two that disagree are named.
    expect(skipped[0]?.reason).toMatch(/has shape \[[23]\]/);
  },
);

describe("deeply nested subgraphs", () => {
  test.each([33, 1000, 10_000, 100_000])("%d levels are refused in a sentence", (depth) => {
    expect(() => parseModel(nestedModel(depth))).toThrow(
      /graph.node\[0\]: subgraphs are nested deeper than 32 levels/,
    );
  });

  test("32 levels are read, looked at, folded and written", () => {
    const graph = parseModel(nestedModel(32));
    findings(graph);
    encodeModel(foldBatchNorm.apply(graph, undefined, {}).graph);
  });

  test("a type nested 100,000 deep is refused in a sentence", () => {
    const groups = new Uint8Array(100_000).fill(0x0b);
    expect(() => parseModel(Uint8Array.of(0x08, 8, ...groups))).toThrow(InputError);
  });
});

test("more elements than any model has are refused before they fill the memory", () => {
  // An empty node takes two bytes; 2,000,001 of them in a graph.
  const nodes = new Uint8Array(4_000_002);
  for (let at = 0; at < nodes.length; at += 2) nodes[at] = 0x0a;
  const length = [0x82, 0x92, 0xf4, 0x01];
  const bytes = new Uint8Array(Buffer.concat([Uint8Array.of(0x3a, ...length), nodes]));
  expect(() => parseModel(bytes)).toThrow(/graph has more than 2000000 elements/);
});

test("external data that ends early leaves the earlier result and no temporary file", async () => {
  const folder = await temporaryFolder();
  await writeLargeModel(join(folder, "m.onnx"), { layers: 2, channels: 16, normalized: 2 });
  const graph = await readModel(join(folder, "m.onnx"));
  const out = await temporaryFolder();
  await saveModel(await readModel(join(SAMPLES, "digits-cnn.onnx")), join(out, "m.onnx"));
  const before = await readFile(join(out, "m.onnx"));
  await writeFile(join(folder, "weights.bin"), new Uint8Array(9000));
  const folded = foldBatchNorm.apply(graph, undefined, {}).graph;
  await expect(saveModel(folded, join(out, "m.onnx"))).rejects.toThrow(InputError);
  expect(await readdir(out)).toEqual(["m.onnx"]);
  expect(Buffer.compare(await readFile(join(out, "m.onnx")), before)).toBe(0);
});
