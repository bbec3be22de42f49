import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readDigits } from "../../../src/data/digits.ts";
import type { NpyArray } from "../../../src/data/npy.ts";
import { readNpz } from "../../../src/data/npz.ts";
import { encodeNpz } from "../../../src/data/write-npz.ts";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { saveModel } from "../../../src/formats/onnx/write.ts";
import { DataType } from "../../../src/graph/data-type.ts";
import { changeGraph, changeNode } from "../../../src/graph/edit.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import { normlens } from "../../support/command-line.ts";
import { SAMPLES, temporaryFolder } from "../../support/repository.ts";

const SAMPLE = join(SAMPLES, "digits-cnn.onnx");
const RESNET = join(SAMPLES, "narrow-resnet.onnx");

interface Report {
  readonly loss: number | string;
  readonly gradients: readonly { name: string; shape: number[]; norm: number | string }[];
}

async function gradientsOf(model: string, folder: string, more: readonly string[] = []) {
  const out = join(folder, "g.npz");
  const common = ["--data", await someDigits(), "--loss", "cross-entropy", "-o", out, "--json"];
  const result = await normlens(["gradients", model, ...common, ...more]);
  expect(result.stderr).toBe("");
  expect(result.code).toBe(0);
  return { report: JSON.parse(result.stdout) as Report, arrays: await readNpz(out) };
}

/** The first 128 digits as a .csv file. */
async function someDigits(): Promise<string> {
  const { features, targets } = await readDigits();
  if (targets?.kind !== "classes") throw new Error("digits have classes");
  const columns = Array.from({ length: 64 }, (_, column) => `p${column}`);
  const rows = Array.from({ length: 128 }, (_, row) =>
    [...features.subarray(64 * row, 64 * row + 64), targets.labels[row]].join(","),
  );
  const file = join(await temporaryFolder(), "digits.csv");
  await writeFile(file, [[...columns, "label"].join(","), ...rows, ""].join("\n"));
  return file;
}

function moved(graph: Graph, arrays: ReadonlyMap<string, NpyArray>, factor: number): Graph {
  const initializers = [...arrays].map(([name, { values }]) => {
    const tensor = graph.initializers.get(name);
    if (tensor === undefined) throw new Error(`${name} is not in the model`);
    const numbers = readFloat64(tensor).map((value, at) => value - factor * (values[at] ?? 0));
    return roundedTensor(name, tensor.dims, DataType.FLOAT, numbers);
  });
  return changeGraph(graph, { initializers });
}

describe("gradients", () => {
  test("one array a parameter, with its norm in the report; the mode makes a difference", async () => {
    const folder = await temporaryFolder();
    const { report, arrays } = await gradientsOf(SAMPLE, folder);
    const { initializers } = await readModel(SAMPLE);
    const names = report.gradients.map(({ name }) => name);
    expect(names.toSorted()).toEqual(
      [...initializers.keys()].filter((name) => !name.includes("running")).toSorted(),
    );
    expect([...arrays.keys()].toSorted()).toEqual(names.toSorted());
    for (const { name, shape, norm } of report.gradients) {
      expect(shape).toEqual(initializers.get(name)?.dims);
      expect(arrays.get(name)).toMatchObject({ shape, type: "f4" });
      const own = Math.hypot(...(arrays.get(name)?.values ?? [Number.NaN]));
      expect(own / Number(norm)).toBeCloseTo(1, 9);
    }
    const inference = await gradientsOf(SAMPLE, folder, ["--mode", "inference"]);
    expect(inference.report.loss).not.toBe(report.loss);
    expect(await readdir(folder)).toEqual(["g.npz"]);
  });

  // f(w − h·g) = f(w) − h·‖g‖² + O(h²): the drop is 1 % of the loss, where h² is not seen yet.
  test.each(["train", "inference"])("a step against it lowers the loss: %s", async (mode) => {
    const folder = await temporaryFolder();
    const { report, arrays } = await gradientsOf(SAMPLE, folder, ["--mode", mode]);
    const square = report.gradients.reduce((sum, { norm }) => sum + Number(norm) ** 2, 0);
    const step = (0.01 * Number(report.loss)) / square;
    const model = join(folder, "moved.onnx");
    await saveModel(moved(await readModel(SAMPLE), arrays, step), model);
    const after = await gradientsOf(model, folder, ["--mode", mode]);
    const drop = Number(report.loss) - Number(after.report.loss);
    expect(Math.abs(drop / (step * square) - 1)).toBeLessThan(0.05);
  });

  test("samples may be called as the model's input; numbers beyond float32 are words", async () => {
    const folder = await temporaryFolder();
    const graph = await readModel(RESNET);
    const name = graph.inputs[0]?.name === "x" ? "image" : "x";
    const nodes = graph.nodes.map((node) =>
      changeNode(node, { input: node.input.map((input) => (input === "x" ? name : input)) }),
    );
    const inputs = graph.inputs.map((info) =>
      Object.assign(Object.create(Object.getPrototypeOf(info)), info, { name }),
    );
    const model = join(folder, "renamed.onnx");
    await saveModel({ ...graph, nodes, inputs, source: { format: "memory" } }, model);
    const data = join(folder, "data.npz");
    const values = Float32Array.from({ length: 2 * 3 * 32 * 32 }, (_, at) => Math.sin(at) * 1e30);
    const y = Float32Array.from({ length: 20 }, (_, at) => at * 1e30);
    await writeFile(
      data,
      encodeNpz([
        { name, shape: [2, 3, 32, 32], values },
        { name: "y", shape: [2, 10], values: y },
      ]),
    );
    const out = join(folder, "g.npz");
    const rest = ["--loss", "mean-squared-error", "--mode", "inference", "-o", out, "--json"];
    const result = await normlens(["gradients", model, "--data", data, ...rest]);
    expect(result.stderr).toBe("");
    const report = JSON.parse(result.stdout) as Report;
    expect(["Infinity", "NaN"]).toContain(report.loss);
    expect(report.gradients.map(({ norm }) => norm)).toContain("NaN");
  });
});

test.each([
  [["--loss", "entropy"], /--loss entropy: one of cross-entropy, /],
  [["--mode", "eval"], /--mode eval: one of train, inference is needed/],
  [["--data", "missing.npz"], /missing\.npz: no such data set/],
  [["-o", "/dev/null/g.npz"], /g\.npz: cannot be written: its folder is not a folder/],
  [["--loss", "mean-squared-error"], /digits/],
])("%j is refused with one line, and nothing is written", async (options, message) => {
  const folder = await temporaryFolder();
  const usual = ["--data", "digits", "--loss", "cross-entropy", "-o", "g.npz"];
  const result = await normlens(["gradients", SAMPLE, ...usual, ...options], { cwd: folder });
  expect(result.code).toBe(2);
  expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(result.stderr).toMatch(message);
  expect(await readdir(folder)).toEqual([]);
});

test("a node without a gradient rule is named", async () => {
  const folder = await temporaryFolder();
  const graph = await readModel(SAMPLE);
  const nodes = graph.nodes.map((node) =>
    node.opType === "Relu" ? changeNode(node, { opType: "Det" }) : node,
  );
  const model = join(folder, "unknown.onnx");
  await saveModel({ ...graph, nodes, source: { format: "memory" } }, model);
  const options = ["--data", "digits", "--loss", "cross-entropy", "-o", join(folder, "g.npz")];
  const result = await normlens(["gradients", model, ...options]);
  expect(result.code).toBe(2);
  expect(result.stderr).toMatch(/node relu1.*: Det has no gradient/);
  expect(await readdir(folder)).toEqual(["unknown.onnx"]);
});
