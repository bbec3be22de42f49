import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyModel } from "../../../../src/formats/onnx/copy.ts";
import { readModel } from "../../../../src/formats/onnx/read.ts";
import { saveModel } from "../../../../src/formats/onnx/write.ts";
import { REPOSITORY } from "../../../support/repository.ts";

const MLP = join(REPOSITORY, "media/samples/digits-mlp.onnx");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "normlens-copy-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a model is copied over another file, which keeps its permissions", async () => {
  const target = join(folder, "copy.onnx");
  await writeFile(target, "something else");
  await chmod(target, 0o600);
  await copyModel(MLP, target);
  expect(await readFile(target)).toEqual(await readFile(MLP));
  expect((await stat(target)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["copy.onnx"]);
});

test("a model with a data file is whole at its new place", async () => {
  const source = join(folder, "large.onnx");
  await saveModel(await readModel(MLP), source, { inlineLimit: 2000 });
  expect((await readdir(folder)).some((file) => file.startsWith("large.onnx."))).toBe(true);
  const elsewhere = join(folder, "elsewhere");
  await mkdir(elsewhere);
  const target = join(elsewhere, "moved.onnx");
  await copyModel(source, target);
  for (const file of await readdir(folder)) {
    if (file.startsWith("large.onnx.")) await rm(join(folder, file));
  }
  const bytes = async (path: string) =>
    [...(await readModel(path)).initializers.values()].map(({ data }) => [...data.read()]);
  expect(await bytes(target)).toEqual(await bytes(MLP));
});

test("a folder that is not there is refused, and nothing is left", async () => {
  const before = await readdir(folder);
  await expect(copyModel(MLP, join(folder, "nowhere", "copy.onnx"))).rejects.toThrow();
  expect(await readdir(folder)).toEqual(before);
});
