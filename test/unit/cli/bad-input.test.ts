import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { newHdf5 } from "../../../src/formats/hdf5/library.ts";
import { normlens } from "../../support/command-line.ts";
import { floats, npy } from "../../support/npy-file.ts";
import { SAMPLES, temporaryFolder } from "../../support/repository.ts";
import { fixture } from "../formats/keras/keras-files.ts";

const SAMPLE = join(SAMPLES, "digits-cnn.onnx");

type Files = Readonly<Record<string, Uint8Array | string>>;

/** A model.json with one dense layer, whose weights lie at a path. */
function modelJson(path: string, shape: readonly number[] = [4, 3]): string {
  const config = { name: "dense", units: 3, batch_input_shape: [null, 4] };
  const layers = [{ class_name: "Dense", config }];
  const weights = [
    { name: "dense/kernel", shape, dtype: "float32" },
    { name: "dense/bias", shape: [3], dtype: "float32" },
  ];
  return JSON.stringify({
    format: "layers-model",
    modelTopology: { class_name: "Sequential", config: { name: "model", layers } },
    weightsManifest: [{ paths: [path], weights }],
  });
}

const graphWithLoop = JSON.stringify({
  format: "graph-model",
  modelTopology: { node: [{ name: "loop", op: "StatelessWhile" }] },
  weightsManifest: [],
});

/** Files of a folder, of which the first is given to the command; and what it tells. */
interface Case {
  readonly files: Files;
  readonly told: RegExp;
}

async function modelCases(): Promise<readonly Case[]> {
  const keras = fixture("nested.keras");
  const lead = await newHdf5(({ file }) => {
    file.create_external_link("/etc/passwd", "/x", "model_weights");
  });
  return [
    { files: { "cut.keras": keras.subarray(0, keras.length / 2) }, told: /damaged or cut off/ },
    {
      files: { "bomb.keras": zipSync({ "config.json": new Uint8Array(1e8) }, { level: 9 }) },
      told: /its entries expand to 100000000 bytes or more; 67108864 are allowed/,
    },
    { files: { "lead.h5": lead }, told: /model_weights is a link to another file, \/etc\/passwd/ },
    { files: { "up.json": modelJson("../up.bin") }, told: /path "\.\.\/up\.bin" is not allowed/ },
    {
      files: { "long.json": modelJson("w.bin"), "w.bin": new Uint8Array(64) },
      told: /the weights in w\.bin have 64 bytes; their shapes and types need 60/,
    },
    { files: { "loop.json": graphWithLoop }, told: /node loop \(StatelessWhile\)/ },
  ];
}

async function dataCases(): Promise<readonly Case[]> {
  const objects = npy("'|O'", "(1,)", new Uint8Array(8));
  const infinite = floats(...new Array<number>(30 * 64).fill(Number.POSITIVE_INFINITY));
  const labels = npy("'|u1'", "(30,)", new Uint8Array(30));
  const samples = npy("'<f4'", "(30, 1, 8, 8)", infinite);
  return [
    { files: { "objects.npz": zipSync({ "x.npy": objects }) }, told: /holds Python objects/ },
    {
      files: { "rows.npy": npy("'<f4'", "(1000000000000, 0)", new Uint8Array()) },
      told: /shape \(1000000000000, 0\) has no number in a row/,
    },
    {
      files: { "infinite.npy": samples, "y.npy": labels },
      told: /sample 0, number 0 is Infinity/,
    },
  ];
}

async function folderWith(files: Files): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  return folder;
}

/** Runs the commands, which have to end with one sentence and leave nothing. */
async function refused({ files, told }: Case, commands: readonly (readonly string[])[]) {
  const [name = ""] = Object.keys(files);
  const folder = await folderWith(files);
  const results = await Promise.all(commands.map((each) => normlens(each, { cwd: folder })));
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    const command = commands[index]?.join(" ");
    expect(code, command).toBe(2);
    expect(stderr, command).toMatch(told);
    expect(stderr, command).toContain(name);
    expect(stderr.trimEnd().split("\n"), command).toHaveLength(1);
    expect(stderr, command).not.toMatch(/\bat .*:\d+/);
    expect(stdout, command).toBe("");
  }
  expect((await readdir(folder)).sort()).toEqual(Object.keys(files).sort());
}

test("a model that cannot be read ends each command with exit 2 and one line, in every format", async () => {
  for (const [index, each] of (await modelCases()).entries()) {
    const [name = ""] = Object.keys(each.files);
    const own = `out${name.slice(name.lastIndexOf("."))}`;
    const other = [
      ["inspect", name],
      ["convert", name, "-o", "out.onnx"],
      ["train", name, "--data", "digits", "-o", "out.onnx"],
    ][index % 3] as string[];
    await refused(each, [["fold", name, "-o", own], other]);
  }
});

test("data that cannot be read ends training with exit 2 and one line", async () => {
  for (const each of await dataCases()) {
    const [name = ""] = Object.keys(each.files);
    await refused(each, [["train", SAMPLE, "--data", name, "-o", "out.onnx"]]);
  }
});
