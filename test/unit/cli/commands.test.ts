import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../src/formats/onnx/read.ts";
import { encodeModel } from "../../../src/formats/onnx/write.ts";
import { changeGraph, changeNode } from "../../../src/graph/edit.ts";
import { readFloat64, roundedTensor } from "../../../src/graph/numbers.ts";
import { normlens } from "../../support/command-line.ts";
import { FIXTURES, SAMPLES, temporaryFolder } from "../../support/repository.ts";

const SAMPLE = join(SAMPLES, "digits-cnn.onnx");

describe("fold", () => {
  test.each([
    ["digits-cnn.onnx", 3],
    ["narrow-resnet.onnx", 13],
    ["narrow-mobilenetv2.onnx", 52],
  ])("%s: every BatchNorm is folded, certified, and nothing is left", async (file, count) => {
    const folder = await temporaryFolder();
    const out = join(folder, "folded.onnx");
    const folded = await normlens(["fold", join(SAMPLES, file), "-o", out, "--json"]);
    expect(folded.stderr).toBe("");
    expect(folded.code).toBe(0);
    const report = JSON.parse(folded.stdout);
    expect(report.applied).toHaveLength(count);
    expect(report.skipped).toEqual([]);
    expect(report.before.operators.BatchNormalization).toBe(count);
    expect(report.after.operators.BatchNormalization).toBeUndefined();
    expect(report.certificate.pass).toBe(true);
    expect(report.elapsedMs).toBeGreaterThan(0);

    const again = await normlens(["fold", out, "-o", join(folder, "again.onnx"), "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({ applied: [], skipped: [] });
    expect(await readFile(join(folder, "again.onnx"))).toEqual(await readFile(out));

    const verified = await normlens(["verify", join(SAMPLES, file), out, "--json"]);
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      pass: true,
      outputs: [{ name: "logits" }],
    });
  });

  test("a reason is printed for what stays", async () => {
    const out = join(await temporaryFolder(), "out.onnx");
    const model = join(FIXTURES, "two-consumers.onnx");
    const result = await normlens(["apply", "fold-batch-norm", model, "-o", out]);
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/left bn: .*consumer/);
  });
});

test("convert tells the formats, and refuses an ending that names none", async () => {
  const folder = await temporaryFolder();
  const out = join(folder, "model.json");
  const result = await normlens(["convert", SAMPLE, "-o", out, "--json"]);
  expect(result.code).toBe(0);
  expect(JSON.parse(result.stdout)).toMatchObject({
    from: "onnx",
    to: "tfjs",
    certificate: { pass: true },
  });
  const verified = await normlens(["verify", SAMPLE, out, "--json"]);
  expect(JSON.parse(verified.stdout).pass).toBe(true);
  const refused = await normlens(["convert", SAMPLE, "-o", join(folder, "model.pb")]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/^normlens: .*model\.pb: its ending names no format.*\n$/);
});

test("apply changes the places that are named, and refuses others", async () => {
  const folder = await temporaryFolder();
  const out = join(folder, "out.onnx");
  const fold = ["apply", "fold-batch-norm", SAMPLE, "-o", out, "--sites"];
  const result = await normlens([...fold, "bn1,bn3", "--json"]);
  const report = JSON.parse(result.stdout);
  expect(report.applied.map(({ node }: { node: string }) => node)).toEqual(["bn1", "bn3"]);
  expect(report.after.operators.BatchNormalization).toBe(1);
  const refused = await normlens([...fold, "bn9"]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("bn9 is not one of the model's sites; there are: bn1, bn2, bn3");
});

test("passes that measure, and analyses, say that they need data", async () => {
  const out = join(await temporaryFolder(), "out.onnx");
  const recalibrate = ["apply", "recalibrate-batch-norm", SAMPLE, "-o", out];
  expect((await normlens(recalibrate)).stderr).toMatch(/^normlens: .*data to measure on is needed/);
  const measured = await normlens([...recalibrate, "--data", "digits", "--json"]);
  expect(JSON.parse(measured.stdout).tables[0].rows).toHaveLength(112);
  const analysis = await normlens(["analyze", "batch-norm-shift", SAMPLE]);
  expect(analysis.code).toBe(2);
  expect(analysis.stderr).toContain("batch-norm-shift: data to measure on is needed");
});

test("verify answers no, with exit 1, for a model whose weight differs by 1 %", async () => {
  const folder = await temporaryFolder();
  const graph = await readModel(SAMPLE);
  const weight = graph.initializers.get("conv2.weight");
  if (weight === undefined) throw new Error("the sample has no conv2.weight");
  const values = readFloat64(weight).map((value) => value * 1.01);
  const changed = changeGraph(graph, {
    initializers: [roundedTensor(weight.name, weight.dims, weight.dataType, values)],
  });
  await writeFile(join(folder, "changed.onnx"), encodeModel(changed));
  const result = await normlens(["verify", SAMPLE, join(folder, "changed.onnx"), "--json"]);
  expect(result.code).toBe(1);
  const certificate = JSON.parse(result.stdout);
  expect(certificate.pass).toBe(false);
  expect(certificate.outputs[0].maxRelative).toBeGreaterThan(1e-4);
});

test("inspect prints the design's JSON and a summary for people", async () => {
  const json = JSON.parse((await normlens(["inspect", SAMPLE, "--json"])).stdout);
  expect(json).toMatchObject({ format: "onnx", opset: 17, nodes: 13, operators: { Conv: 3 } });
  expect(json.findings[0]).toMatchObject({ rule: "fold-batch-norm", node: "bn1" });
  const text = (await normlens(["inspect", SAMPLE])).stdout;
  expect(text).toMatch(/opset 17/);
  expect(text).toMatch(/bn1 can be folded into conv1/);
});

test("stats prints activation statistics of the digits", async () => {
  const result = await normlens([
    ...["stats", SAMPLE, "--data", "digits", "--nodes", "relu1,bn1", "--json"],
  ]);
  expect(result.stderr).toBe("");
  const { values } = JSON.parse(result.stdout);
  // In graph order, whatever the order of the question.
  expect(values.map((value: { name: string }) => value.name)).toEqual(["bn1", "relu1"]);
  const [normalized, rectified] = values;
  expect(rectified).toMatchObject({ count: 1797 * 16 * 64, nan: 0, inf: 0, min: 0 });
  expect(normalized.min).toBeLessThan(0);
  const total = rectified.histogram.counts.reduce((sum: number, n: number) => sum + n, 0);
  expect(total).toBe(rectified.count);
});

test("an in-place fold replaces the file and only it", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, "model.onnx");
  await cp(SAMPLE, file);
  const result = await normlens(["fold", file, "-o", file]);
  expect(result.code).toBe(0);
  expect((await readModel(file)).nodes).toHaveLength(10);
});

test("WebAssembly gives the same certificate when the native library is left out", async () => {
  const out = join(await temporaryFolder(), "folded.onnx");
  const environment = { env: { NORMLENS_RUNTIME: "wasm" } };
  const result = await normlens(["fold", SAMPLE, "-o", out, "--json"], environment);
  expect(result.stderr).toBe("");
  expect(JSON.parse(result.stdout).certificate.pass).toBe(true);
});

test("names of a model are printed without the control characters in them", async () => {
  const folder = await temporaryFolder();
  const graph = await readModel(SAMPLE);
  const nodes = graph.nodes.map((node) =>
    node.opType === "BatchNormalization"
      ? changeNode(node, { name: `${node.name}\u001b[2J\nsecond` })
      : node,
  );
  const path = join(folder, "named.onnx");
  await writeFile(path, encodeModel({ ...graph, nodes }));
  for (const args of [
    ["inspect", path],
    ["fold", path, "-o", join(folder, "folded.onnx")],
  ]) {
    const { stdout, code } = await normlens(args);
    expect(code).toBe(0);
    expect(stdout).toContain("bn1\uFFFD[2J\uFFFDsecond");
    expect(stdout).not.toContain("\u001b");
    expect(stdout.split("\n").some((line) => line.startsWith("second"))).toBe(false);
  }
});
