import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import type { DataReport } from "../../../src/protocol/data-report.ts";
import { normlens } from "../../support/command-line.ts";
import { openInMemory } from "../../support/memory-dataset.ts";
import { npy } from "../../support/npy-file.ts";
import { REPOSITORY, temporaryFolder } from "../../support/repository.ts";

const MODEL = join(REPOSITORY, "media/samples/digits-cnn.onnx");
const bytesOf = (values: Float32Array | BigInt64Array) => new Uint8Array(values.buffer);

/** The digits with pixels of 0 … 255 in place of 0 … 1. */
async function byteDigits(): Promise<string> {
  const { features, targets } = await openInMemory("digits");
  if (targets?.kind !== "classes") throw new Error("classes expected");
  const labels = BigInt64Array.from(targets.labels, (label) => BigInt(label));
  const pixels = features.map((value) => Math.round(255 * value));
  const path = join(await temporaryFolder(), "bytes.npz");
  const arrays = {
    "x.npy": npy("'<f4'", "(1797, 1, 8, 8)", bytesOf(pixels)),
    "y.npy": npy("'<i8'", "(1797,)", bytesOf(labels)),
  };
  await writeFile(path, zipSync(arrays, { level: 0 }));
  return path;
}

describe("normlens data", () => {
  test("prints what the digits are, and that nothing is wrong", async () => {
    const result = await normlens(["data", "digits", "--model", MODEL]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toContain("digits: 1,797 samples of 1×8×8, 10 classes\n");
    expect(result.stdout).toContain("training 1,078, validation 360, test 359\n");
    expect(result.stdout).toMatch(/numbers 0 … 1, mean 0\.3053, deviation 0\.376\n/);
    expect(result.stdout).toContain("No warnings.");
  });

  test("holds data against the model's first BatchNorm, scaled as the run scales them", async () => {
    const data = await byteDigits();
    const bare = await normlens(["data", data, "--json"]);
    expect(warnings(bare.stdout)).toEqual(["unscaled-values"]);
    const unlike = await normlens(["data", data, "--model", MODEL, "--json"]);
    expect(unlike).toMatchObject({ code: 0, stderr: "" });
    expect(warnings(unlike.stdout)).toEqual(["unlike-model"]);
    const config = join(await temporaryFolder(), "config.json");
    await writeFile(
      config,
      JSON.stringify({ inputScaling: "range", split: { train: 0.8, validation: 0.1, test: 0.1 } }),
    );
    const scaled = await normlens(["data", data, "--model", MODEL, "--config", config, "--json"]);
    expect(warnings(scaled.stdout)).toEqual([]);
    const report = JSON.parse(scaled.stdout) as DataReport;
    expect(report.parts.train + report.parts.validation + report.parts.test).toBe(1797);
    expect(report.parts.validation).toBeGreaterThan(170);
    expect(report.parts.validation).toBeLessThan(190);
  });

  test("prints names of a file without the control characters in them", async () => {
    const path = join(await temporaryFolder(), "t.csv");
    await writeFile(path, '1,2,"two\nlines\u001b[2J"\n3,4,b\n');
    const { stdout } = await normlens(["data", path]);
    expect(stdout).toContain("two\uFFFDlines\uFFFD[2J");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toContain("t.csv: 2 samples of 2, 2 classes\n");
  });

  test.each([
    [["none.csv"], "none.csv: no such data set"],
    [["digits", "--model", "none.onnx"], "none.onnx"],
    [["digits", "--data-option", "hight=3"], "dataOptions.hight: no such field"],
  ])("refuses %j in one line", async (args, message) => {
    const result = await normlens(["data", ...args]);
    expect(result.code).toBe(2);
    expect(result.stdout).toBe("");
    expect(result.stderr).toContain(message);
    expect(result.stderr.trim().split("\n")).toHaveLength(1);
  });

  test("refuses data that do not fit the model", async () => {
    const path = join(await temporaryFolder(), "t.csv");
    await writeFile(path, "1,2,a\n3,4,b\n");
    const result = await normlens(["data", path, "--model", MODEL]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain("a sample has 2 numbers (2), but input");
  });
});

function warnings(stdout: string): readonly string[] {
  return (JSON.parse(stdout) as DataReport).warnings.map(({ rule }) => rule);
}
