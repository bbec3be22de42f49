import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { allocateBatch, fillBatch } from "../../../../src/data/batches.ts";
import { type Dataset, expectRows, readSamples } from "../../../../src/data/dataset.ts";
import { openDataset } from "../../../../src/data/open-dataset.ts";
import { splitSamples } from "../../../../src/data/split.ts";
import { elementCount } from "../../../../src/graph/tensor.ts";
import { greyPng } from "../../../support/image-files.ts";
import { temporaryFolder } from "../../../support/repository.ts";

/** Files with their bytes, by their path in the folder. */
async function folderOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

/** The first number of each sample. */
async function firstNumbers(dataset: Dataset): Promise<readonly number[]> {
  const size = elementCount(dataset.sampleShape);
  const numbers = new Float32Array(dataset.count * size);
  const rows = Int32Array.from({ length: dataset.count }, (_, row) => row);
  await readSamples(dataset, rows, numbers);
  return Array.from(rows, (row) => numbers[row * size] as number);
}

const animals = {
  "dog/b.png": greyPng(6, 4, 51),
  "dog/a.PNG": greyPng(6, 4, 102),
  "cat/1.png": greyPng(6, 4, 255),
  "cat/notes.txt": "no image",
  "cat/.hidden.png": "no image either",
  ".git/x.png": "nor is this",
};

describe("a folder of images", () => {
  it("has a class for each folder, in the order of the names, and the first image's size", async () => {
    const data = await openDataset(await folderOf(animals));
    expect(data).toMatchObject({ count: 3, sampleShape: [1, 4, 6] });
    expect(data.targets).toEqual({
      kind: "classes",
      classNames: ["cat", "dog"],
      labels: Int32Array.of(0, 1, 1),
    });
    expect(await firstNumbers(data)).toEqual([1, Math.fround(0.4), Math.fround(0.2)]);
  });

  it("is read in the size, the channels and the layout that the model takes", async () => {
    const folder = await folderOf(animals);
    const shapeFor = async (...sampleShape: (number | undefined)[]) =>
      (await openDataset(folder, { input: { name: "x", sampleShape } })).sampleShape;
    expect(await shapeFor(3, 8, 9)).toEqual([3, 8, 9]);
    expect(await shapeFor(8, 9, 3)).toEqual([8, 9, 3]);
    expect(await shapeFor(undefined, undefined, undefined)).toEqual([1, 4, 6]);
    expect(await shapeFor(undefined, undefined, 1)).toEqual([4, 6, 1]);
    expect(await shapeFor(5, 7)).toEqual([1, 5, 7]);
    const options = { height: 2, width: 3, channels: 3, layout: "NHWC", range: [-1, 1] } as const;
    const data = await openDataset(folder, { options });
    expect(data.sampleShape).toEqual([2, 3, 3]);
    expect((await firstNumbers(data))[0]).toBe(1);
  });

  it("with train and test folders has parts of its own, which a split keeps", async () => {
    const files: Record<string, Uint8Array> = {};
    for (const [part, count] of [
      ["train", 8],
      ["test", 3],
    ] as const) {
      for (let index = 0; index < count; index++) {
        for (const kind of ["a", "b"]) files[`${part}/${kind}/${index}.png`] = greyPng(2, 2, index);
      }
    }
    const data = await openDataset(await folderOf(files));
    const labels = data.targets?.kind === "classes" ? data.targets.labels : new Int32Array();
    const split = splitSamples(data, { train: 0.6, validation: 0.2, test: 0.2 }, 0);
    // Test stands before train: the folders are read in the order of their names.
    expect([...split.test]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([split.train.length, split.validation.length]).toEqual([12, 4]);
    expect([...split.train, ...split.validation].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 16 }, (_, row) => row + 6),
    );
    expect([...split.validation].map((row) => labels[row]).sort()).toEqual([0, 0, 1, 1]);
  });

  it("gives the same batches whether rows are expected or not, and in whatever order", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`${index % 3}/${index}.png`, greyPng(5, 5, index)]),
    );
    const folder = await folderOf(files);
    const [plain, told] = [await openDataset(folder), await openDataset(folder)];
    const rows = Int32Array.from({ length: 40 }, (_, index) => (index * 7) % 40);
    expectRows(told, rows);
    const [a, b] = [allocateBatch(plain, 16), allocateBatch(told, 16)];
    for (const start of [0, 16, 32, 0]) {
      expect(await fillBatch(a, plain, rows, start)).toBe(Math.min(16, 40 - start));
      await fillBatch(b, told, rows, start);
      expect(b).toEqual(a);
    }
    const pixels = new Set(await firstNumbers(plain));
    expect(pixels.size).toBe(40);
  });
});

describe("a folder that is no such data set is refused with a sentence", () => {
  it("names a class without images", async () => {
    const folder = await folderOf({ ...animals, "fox/readme.txt": "none yet" });
    await expect(openDataset(folder)).rejects.toThrow(
      `${folder}: the class folder fox has no .png or .jpg or .jpeg file`,
    );
  });

  it("names a link that leads out of it, and follows those within", async () => {
    const folder = await folderOf(animals);
    const outside = await folderOf({ "secret.png": greyPng(1, 1, 1) });
    await symlink(join(folder, "cat", "1.png"), join(folder, "dog", "z.png"));
    expect((await openDataset(folder)).count).toBe(4);
    await symlink(join(outside, "secret.png"), join(folder, "cat", "2.png"));
    await expect(openDataset(folder)).rejects.toThrow(
      `${folder}: cat/2.png is a symbolic link out of the folder, which is not followed`,
    );
  });

  it("names the file that is no image when it is read", async () => {
    const folder = await folderOf({ ...animals, "dog/c.png": "text" });
    const data = await openDataset(folder);
    await expect(firstNumbers(data)).rejects.toThrow(
      `${join(folder, "dog", "c.png")}: is neither a PNG nor a JPEG`,
    );
    await expect(openDataset(await folderOf({ "a.txt": "text" }))).rejects.toThrow(
      "is not a known data set",
    );
  });
});
