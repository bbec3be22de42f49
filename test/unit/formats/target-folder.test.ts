import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readModel, requireWritable, saveModel } from "../../../src/formats/registry.ts";
import { inTargetFolder } from "../../../src/formats/target-folder.ts";
import { InputError } from "../../../src/graph/input-error.ts";
import { normlens } from "../../support/command-line.ts";
import { SAMPLES, temporaryFolder } from "../../support/repository.ts";

const SAMPLE = join(SAMPLES, "digits-cnn.onnx");

test("folders on the way to a model are made", async () => {
  const folder = await temporaryFolder();
  const target = join(folder, "new", "deeper", "model.onnx");
  const graph = await readModel(SAMPLE);
  await requireWritable(graph, target);
  expect(await readdir(folder)).toEqual([]);
  await saveModel(graph, target);
  expect(await readdir(join(folder, "new", "deeper"))).toEqual(["model.onnx"]);
});

test("nothing is left of them where writing fails, and what was there stays", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "old"));
  const target = join(folder, "old", "new", "deeper", "model.json");
  const graph = await readModel(SAMPLE);
  // A model of ONNX is no layers model before it is converted.
  await expect(saveModel(graph, target)).rejects.toThrow(InputError);
  expect(await readdir(folder, { recursive: true })).toEqual(["old"]);
  const fail = async () => {
    await writeFile(join(folder, "old", "new", "other"), "");
    throw new Error("no");
  };
  await expect(inTargetFolder(join(folder, "old", "new", "file"), fail)).rejects.toThrow("no");
  expect(await readdir(join(folder, "old", "new"))).toEqual(["other"]);
});

test("a file that stands where a folder is needed is refused before and while writing", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "file"), "");
  const graph = await readModel(SAMPLE);
  for (const path of [join("file", "model.onnx"), join("file", "below", "model.onnx")]) {
    const target = join(folder, path);
    const told = /cannot be written: .*not a folder/;
    await expect(requireWritable(graph, target)).rejects.toThrow(told);
    await expect(saveModel(graph, target)).rejects.toThrow(told);
  }
  expect(await readdir(folder)).toEqual(["file"]);
});

test("every command with --output makes the folder", async () => {
  const folder = await temporaryFolder();
  const config = join(folder, "config.json");
  await writeFile(config, JSON.stringify({ maxEpochs: 1, earlyStopping: { enabled: false } }));
  const data = ["--data", "digits"];
  const commands = [
    ["fold", SAMPLE, "-o", "fold/new/model.onnx"],
    ["convert", SAMPLE, "-o", "convert/new/model.keras"],
    ["gradients", SAMPLE, ...data, "--loss", "cross-entropy", "-o", "gradients/new/g.npz"],
    ["train", SAMPLE, ...data, "--config", config, "-o", "train/new/best.onnx"],
  ];
  for (const command of commands) {
    const result = await normlens(command, { cwd: folder });
    expect([result.stderr, result.code]).toEqual(["", 0]);
    const [name = ""] = command;
    const [file = ""] = command.slice(-1);
    expect(await readdir(join(folder, name, "new"))).toEqual([file.split("/").at(-1)]);
  }
});

test("training towards a place where no file can be is refused before it begins", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "file"), "");
  const command = ["train", SAMPLE, "--data", "digits", "-o", "file/best.onnx"];
  const result = await normlens(command, { cwd: folder });
  expect(result.code).toBe(2);
  expect(result.stderr).toMatch(/file\/best\.onnx: cannot be written: .*not a folder/);
  expect(await readdir(folder)).toEqual(["file"]);
});
