import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fileRange } from "../../../../src/formats/onnx/file-range.ts";
import { readModel } from "../../../../src/formats/onnx/read.ts";
import { saveModel } from "../../../../src/formats/onnx/write.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { verify } from "../../../../src/graph/verify.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { LARGE_DATA, writeLargeModel } from "../../../support/large-model.ts";
import { FIXTURES, SAMPLES, temporaryFolder } from "../../../support/repository.ts";

/** Two layers of 36,864 bytes, of which the first has a BatchNorm. */
const SMALL = { layers: 2, channels: 32, normalized: 1 };
const WEIGHT_BYTES = 32 * 32 * 9 * 4;

async function modelIn(folder: string, name = "m.onnx"): Promise<{ file: string; graph: Graph }> {
  const file = join(folder, name);
  await writeLargeModel(file, SMALL);
  return { file, graph: await readModel(file) };
}

function fold(graph: Graph): Graph {
  return foldBatchNorm.apply(graph, undefined, {}).graph;
}

function firstNumbers(graph: Graph, name: string): number[] {
  const bytes = graph.initializers.get(name)?.data.read().slice(0, 16) ?? new Uint8Array();
  return [...new Float32Array(bytes.buffer)];
}

/** The files that a model's external tensors lie in, by name. */
function dataFiles(graph: Graph): Set<string | undefined> {
  const ranges = [...graph.initializers.values()].map((tensor) => fileRange(tensor.data));
  return new Set(ranges.flatMap((range) => range?.path.split("/").at(-1) ?? []));
}

/** Everything a reader sees, so that two graphs can be told to be the same. */
function contents(graph: Graph) {
  return [...graph.initializers].map(([name, tensor]) => [
    name,
    `${tensor.dims}`,
    tensor.data.read(),
  ]);
}

const SCALE = Math.fround(3 / Math.sqrt(1 + Math.fround(1e-5)));

describe("into another folder", () => {
  test("the data goes into a new file beside the model, aligned, and nothing is lost", async () => {
    const folder = await temporaryFolder();
    const { graph } = await modelIn(folder);
    await mkdir(join(folder, "out"));
    const target = join(folder, "out", "m.onnx");
    const folded = fold(graph);
    const size = await saveModel(folded, target);
    expect((await readdir(join(folder, "out"))).sort()).toEqual(["m.onnx", "m.onnx.data"]);
    expect(size).toBe((await stat(target)).size + (await stat(`${target}.data`)).size);
    const again = await readModel(target);
    expect(verify(again)).toEqual([]);
    expect(contents(again)).toEqual(contents(folded));
    expect(firstNumbers(again, "w0")[0]).toBeCloseTo(SCALE, 6);
    expect(firstNumbers(again, "w1")).toEqual([1, 2, 3, 4]);
    for (const tensor of again.initializers.values()) {
      expect((fileRange(tensor.data)?.offset ?? 0) % 64).toBe(0);
    }
  });

  test("again over the same target replaces the data file and leaves no other", async () => {
    const folder = await temporaryFolder();
    const { graph } = await modelIn(folder);
    await mkdir(join(folder, "out"));
    const target = join(folder, "out", "m.onnx");
    await saveModel(graph, target);
    await saveModel(fold(graph), target);
    expect((await readdir(join(folder, "out"))).sort()).toEqual(["m.onnx", "m.onnx.2.data"]);
    expect(firstNumbers(await readModel(target), "w0")[0]).toBeCloseTo(SCALE, 6);
  });

  test("a data file that another model mentions is left", async () => {
    const folder = await temporaryFolder();
    const { graph } = await modelIn(folder);
    await mkdir(join(folder, "out"));
    const target = join(folder, "out", "m.onnx");
    await saveModel(graph, target);
    await cp(target, join(folder, "out", "other.onnx"));
    await saveModel(fold(graph), target);
    expect(contents(await readModel(join(folder, "out", "other.onnx")))).toEqual(contents(graph));
  });

  test("tensors over the same bytes of a file share them again", async () => {
    const folder = await temporaryFolder();
    const { graph } = await modelIn(folder);
    const [first, second] = ["w0", "w1"].map((name) => graph.initializers.get(name));
    if (first === undefined || second === undefined) throw new Error("unreachable");
    const initializers = new Map(graph.initializers).set("w1", { ...second, data: first.data });
    await mkdir(join(folder, "out"));
    await saveModel({ ...graph, initializers }, join(folder, "out", "m.onnx"));
    expect((await stat(join(folder, "out", "m.onnx.data"))).size).toBe(WEIGHT_BYTES);
  });

  test("a source that has become shorter leaves nothing behind", async () => {
    const folder = await temporaryFolder();
    const { graph } = await modelIn(folder);
    await mkdir(join(folder, "out"));
    await writeFile(join(folder, LARGE_DATA), new Uint8Array(100));
    await expect(saveModel(graph, join(folder, "out", "m.onnx"))).rejects.toThrow(/became shorter/);
    expect(await readdir(join(folder, "out"))).toEqual([]);
  });

  test("progress ends at 1, and a cancelled save leaves nothing behind", async () => {
    const folder = await temporaryFolder();
    const { graph } = await modelIn(folder);
    await mkdir(join(folder, "out"));
    const abort = new AbortController();
    const cancelled = saveModel(graph, join(folder, "out", "m.onnx"), {
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    await expect(cancelled).rejects.toThrow(/abort/i);
    expect(await readdir(join(folder, "out"))).toEqual([]);
    const fractions: number[] = [];
    await saveModel(graph, join(folder, "out", "m.onnx"), {
      onProgress: (fraction) => fractions.push(fraction),
    });
    expect(fractions.at(-1)).toBe(1);
  });
});

describe("into the folder of the source", () => {
  test("what is unchanged stays in the old data file, what changed goes into a new one", async () => {
    const folder = await temporaryFolder();
    const { file, graph } = await modelIn(folder);
    const original = await readFile(join(folder, LARGE_DATA));
    await saveModel(fold(graph), file);
    expect((await stat(join(folder, "m.onnx.data"))).size).toBeLessThan(2 * WEIGHT_BYTES);
    expect(Buffer.compare(await readFile(join(folder, LARGE_DATA)), original)).toBe(0);
    const again = await readModel(file);
    expect(dataFiles(again)).toEqual(new Set([LARGE_DATA, "m.onnx.data"]));
    expect(contents(again)).toEqual(contents(fold(graph)));
    // The graph that was read before still reads the file as it was.
    expect(firstNumbers(graph, "w0")).toEqual([1, 2, 3, 4]);
  });

  test("saving over the source twice keeps every data file its graph reads", async () => {
    const folder = await temporaryFolder();
    const { file, graph } = await modelIn(folder);
    await saveModel(fold(graph), file);
    const read = await readModel(file);
    await saveModel(graph, file);
    expect(contents(await readModel(file))).toEqual(contents(graph));
    await saveModel(read, join(folder, "copy.onnx")).catch(() => undefined);
    expect(await readdir(folder)).toContain(LARGE_DATA);
  });

  test("without a change the model stays byte-identical and no data file appears", async () => {
    const folder = await temporaryFolder();
    const { file, graph } = await modelIn(folder);
    const before = await readFile(file);
    await saveModel(graph, join(folder, "same.onnx"));
    expect(Buffer.compare(await readFile(join(folder, "same.onnx")), before)).toBe(0);
    expect((await readdir(folder)).sort()).toEqual(["m.onnx", "same.onnx", LARGE_DATA]);
  });
});

test("a model past the limit puts its weights into a data file though it had none", async () => {
  const folder = await temporaryFolder();
  const graph = await readModel(join(SAMPLES, "digits-cnn.onnx"));
  const target = join(folder, "m.onnx");
  await saveModel(graph, target, { inlineLimit: 20_000 });
  const again = await readModel(target);
  expect(dataFiles(again)).toEqual(new Set(["m.onnx.data"]));
  expect(contents(again)).toEqual(contents(graph));
  await rm(join(folder, "m.onnx.data"));
  await expect(readModel(target)).rejects.toThrow(/m.onnx.data" does not exist/);
});

test("the header's doc string and metadata travel into the new model", async () => {
  const folder = await temporaryFolder();
  const graph = await readModel(join(FIXTURES, "external/external-data.onnx"));
  await saveModel(graph, join(folder, "m.onnx"));
  const again = await readModel(join(folder, "m.onnx"));
  for (const [name, tensor] of graph.initializers) {
    const other = again.initializers.get(name);
    expect(other?.data.encoding).toBe(tensor.data.encoding);
    expect(other?.header?.docString).toBe(tensor.header?.docString);
  }
});
