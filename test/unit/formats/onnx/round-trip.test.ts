import { cp, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseModel, readModel } from "../../../../src/formats/onnx/read.ts";
import { encodeModel, saveModel } from "../../../../src/formats/onnx/write.ts";
import { changeGraph, changeNode } from "../../../../src/graph/edit.ts";
import { float32Tensor } from "../../../../src/graph/tensor.ts";
import { committedModels, FIXTURES, temporaryFolder } from "../../../support/repository.ts";

describe("saving what was not changed", () => {
  test.each(committedModels())("%s stays byte-identical", async (file) => {
    // Beside its copied data, because that is where external data keeps being referred to.
    const folder = await temporaryFolder();
    await cp(dirname(file), folder, { recursive: true, filter: isModelOrData(dirname(file)) });
    const graph = await readModel(join(folder, basename(file)));
    const target = join(folder, "saved.onnx");
    const original = await readFile(file);
    expect(await saveModel(graph, target)).toBe(original.length);
    expect(Buffer.compare(await readFile(target), original)).toBe(0);
  });
});

function isModelOrData(folder: string) {
  return (path: string) => path === folder || /\.(onnx|data)$/.test(path);
}

describe("saving a change", () => {
  test.each(committedModels())("%s keeps every other byte", async (file) => {
    const graph = await readModel(file);
    const [first] = graph.nodes;
    if (first === undefined) throw new Error(`${file} has no node`);
    const changed = changeGraph(graph, {
      replace: new Map([[first, [changeNode(first, { docString: "changed" })]]]),
    });
    const again = parseModel(encodeModel(changed));
    expect(again.nodes[0]?.docString).toBe("changed");
    expect(again.nodes[0]?.input).toEqual(first.input);
    expect(again.nodes.slice(1)).toEqual(graph.nodes.slice(1));
    const restored = again.nodes[0];
    if (restored === undefined) throw new Error("unreachable");
    const back = changeGraph(again, {
      replace: new Map([[restored, [changeNode(restored, { docString: first.docString })]]]),
    });
    expect(back.nodes.length).toBe(graph.nodes.length);
    expect([...again.initializers.keys()]).toEqual([...graph.initializers.keys()]);
  });

  test("unknown fields on every level survive an edit", async () => {
    const file = join(FIXTURES, "carried-along.onnx");
    const graph = await readModel(file);
    const node = graph.nodes.find((candidate) => candidate.opType === "BatchNormalization");
    if (node === undefined) throw new Error("fixture has no BatchNormalization");
    const changed = changeGraph(graph, {
      replace: new Map([[node, [changeNode(node, { name: "renamed" })]]]),
    });
    const again = parseModel(encodeModel(changed));
    const renamed = again.nodes.find((candidate) => candidate.name === "renamed");
    expect(node.$unknown?.length).toBeGreaterThan(0);
    expect(renamed?.$unknown).toEqual(node.$unknown);
    // Only the name's length changed, on the node and in the lengths around it.
    const grown = encodeModel(changed).length - encodeModel(graph).length;
    expect(grown).toBeGreaterThanOrEqual("renamed".length - node.name.length);
    expect(grown).toBeLessThanOrEqual("renamed".length - node.name.length + 4);
  });

  test("a replaced weight is written as raw data and read back", async () => {
    const graph = await readModel(join(FIXTURES, "float-data.onnx"));
    const weight = [...graph.initializers.values()].find((tensor) => tensor.dims.length === 4);
    if (weight === undefined) throw new Error("fixture has no weight");
    const values = Float32Array.from({ length: weight.data.byteLength / 4 }, (_, i) => i / 8);
    const replaced = changeGraph(graph, {
      initializers: [float32Tensor(weight.name, weight.dims, values)],
    });
    const again = parseModel(encodeModel(replaced)).initializers.get(weight.name);
    expect(again?.data.encoding).toBe("raw");
    expect(again?.data.read()).toEqual(new Uint8Array(values.buffer));
  });
});

describe("the three encodings", () => {
  test.each([
    ["conv2d-bn.onnx", "raw"],
    ["float-data.onnx", "typed"],
    ["external/external-data.onnx", "external"],
  ])("%s is read as %s data", async (file, encoding) => {
    const graph = await readModel(join(FIXTURES, file));
    const encodings = new Set([...graph.initializers.values()].map((w) => w.data.encoding));
    expect(encodings).toContain(encoding);
    for (const tensor of graph.initializers.values()) {
      expect(tensor.data.read().length, basename(tensor.name)).toBe(tensor.data.byteLength);
    }
  });
});
