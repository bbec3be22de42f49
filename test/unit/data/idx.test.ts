import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createGunzip, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readBounded } from "../../../src/data/bounded-file.ts";
import { type Dataset, readSamples } from "../../../src/data/dataset.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { splitSamples } from "../../../src/data/split.ts";
import { elementCount } from "../../../src/graph/tensor.ts";
import { temporaryFolder } from "../../support/repository.ts";

function idx(sizes: readonly number[], bytes: readonly number[], type = 8): Uint8Array {
  const head = Buffer.alloc(4 + 4 * sizes.length);
  head.set([0, 0, type, sizes.length]);
  for (const [axis, size] of sizes.entries()) head.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([head, Uint8Array.from(bytes)]);
}

async function numbersOf(data: Dataset): Promise<readonly number[]> {
  const numbers = new Float32Array(data.count * elementCount(data.sampleShape));
  await readSamples(
    data,
    Int32Array.from({ length: data.count }, (_, row) => row),
    numbers,
  );
  return [...numbers];
}

async function mnistFolder(files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  return folder;
}

const images = idx([3, 1, 2], [0, 255, 51, 102, 153, 204]);
const labels = idx([3], [7, 0, 2]);

describe("IDX", () => {
  it("reads MNIST's four files, gzipped or not; t10k is the test part", async () => {
    const folder = await mnistFolder({
      "train-images-idx3-ubyte.gz": gzipSync(images),
      "train-labels-idx1-ubyte": labels,
      "t10k-images-idx3-ubyte": idx([2, 1, 2], [1, 2, 3, 4]),
      "t10k-labels-idx1-ubyte.gz": gzipSync(idx([2], [1, 1])),
    });
    const data = await openDataset(folder);
    expect(data).toMatchObject({ count: 5, sampleShape: [1, 2] });
    expect(data.targets).toMatchObject({ kind: "classes", labels: Int32Array.of(7, 0, 2, 1, 1) });
    const split = splitSamples(data, { train: 0.6, validation: 0.2, test: 0.2 }, 0);
    expect([...split.test]).toEqual([3, 4]);
    expect([...split.train, ...split.validation].sort()).toEqual([0, 1, 2]);
    const fifths = [0, 1, 0.2, 0.4, 0.6, 0.8].map(Math.fround);
    expect((await numbersOf(data)).slice(0, 6)).toEqual(fifths);
    const wide = await openDataset(folder, { options: { range: [-1, 1] } });
    expect((await numbersOf(wide)).slice(0, 2)).toEqual([-1, 1]);
  });

  it("reads one file with the labels beside it, in the model's shape", async () => {
    const folder = await mnistFolder({
      "train-images.idx3-ubyte": images,
      "train-labels.idx1-ubyte": labels,
    });
    const data = await openDataset(join(folder, "train-images.idx3-ubyte"));
    expect(data.parts).toBeUndefined();
    expect(data.targets).toMatchObject({ labels: Int32Array.of(7, 0, 2) });
  });

  const name = "train-images-idx3-ubyte";
  it.each([
    [{ [name]: images.subarray(0, -1) }, "its sizes 3×1×2 need 6 bytes, but 5 follow"],
    [
      { [name]: idx([4e9, 4e9, 4e9], []) },
      "need 64000000000000000000000000000 bytes, but 0 follow",
    ],
    [{ [name]: idx([4e9, 0, 4], []) }, "has no numbers: its sizes are 4000000000×0×4"],
    [{ [name]: idx([3, 1, 2], [], 0x0d) }, "type: 0xd is not read; 0x8, bytes, is"],
    [{ [name]: Uint8Array.of(1, 2, 3, 4, 5) }, "is not an IDX file"],
    [{ [name]: Uint8Array.of(0, 0, 8, 200) }, "has 200 sizes, which its 4 bytes do not hold"],
    [{ [`${name}.gz`]: images }, "train-images-idx3-ubyte.gz: is not a valid gzip file"],
    [{ [`${name}.gz`]: gzipSync(images).subarray(0, -9) }, "is not a valid gzip file"],
    [{ [name]: images, "train-labels-idx1-ubyte": idx([2], [1, 1]) }, "has 2 labels, but"],
    [{ "train-labels-idx1-ubyte": labels }, "has no train-images-idx3-ubyte"],
    [
      { [name]: images, "t10k-images-idx3-ubyte": idx([1, 3, 3], [0, 0, 0, 0, 0, 0, 0, 0, 0]) },
      "t10k-images-idx3-ubyte: its samples are 3×3, those of train-images-idx3-ubyte 1×2",
    ],
  ])("case %# is refused: %s", async (files, message) => {
    await expect(openDataset(await mnistFolder(files))).rejects.toThrow(message);
  });

  it("a small file that expands without end is given up at the limit", async () => {
    const bomb = gzipSync(new Uint8Array(10_000_000));
    expect(bomb.length).toBeLessThan(20_000);
    await expect(
      readBounded(Readable.from([bomb]).pipe(createGunzip()), "a.gz", 1_000_000),
    ).rejects.toThrow("a.gz: has, or expands to, more than 1000000 bytes");
  });

  it("a file of labels alone is no data set", async () => {
    const folder = await mnistFolder({ "train-labels-idx1-ubyte": labels });
    await expect(openDataset(join(folder, "train-labels-idx1-ubyte"))).rejects.toThrow(
      "has labels and no samples; the file of images is needed",
    );
  });
});

describe("CIFAR", () => {
  /** A record whose red, green and blue are each one value. */
  const record = (label: readonly number[], colours: readonly number[]) =>
    Uint8Array.from([...label, ...colours.flatMap((colour) => Array(1024).fill(colour))]);
  const names = "plane car bird cat deer dog frog horse ship truck".split(" ");
  const cifar10 = {
    "data_batch_1.bin": Buffer.concat([record([3], [255, 0, 51]), record([9], [0, 0, 0])]),
    "data_batch_2.bin": record([0], [255, 255, 255]),
    "test_batch.bin": record([5], [51, 102, 153]),
    "batches.meta.txt": new TextEncoder().encode(`${names.join("\n")}\n\n`),
  };

  it("10 has named classes, its test file as test part, and the model's layout", async () => {
    const folder = await mnistFolder(cifar10);
    const data = await openDataset(folder);
    expect(data).toMatchObject({ count: 4, sampleShape: [3, 32, 32] });
    expect(data.targets).toEqual({
      kind: "classes",
      labels: Int32Array.of(3, 9, 0, 5),
      classNames: names,
    });
    expect(data.parts).toEqual({ train: Int32Array.of(0, 1, 2), test: Int32Array.of(3) });
    const planes = await numbersOf(data);
    expect([planes[0], planes[1024], planes[2048]]).toEqual([1, 0, Math.fround(0.2)]);
    const input = { name: "x", sampleShape: [32, 32, 3] };
    const last = await openDataset(folder, { input });
    expect(last.sampleShape).toEqual([32, 32, 3]);
    expect((await numbersOf(last)).slice(0, 4)).toEqual([1, 0, Math.fround(0.2), 1]);
    const single = await openDataset(join(folder, "data_batch_1.bin"));
    expect(single).toMatchObject({ name: "data_batch_1.bin", count: 2 });
  });

  it("100 takes the fine labels", async () => {
    const folder = await mnistFolder({
      "train.bin": record([11, 99], [1, 2, 3]),
      "test.bin": record([0, 42], [1, 2, 3]),
    });
    const { targets } = await openDataset(folder);
    expect(targets).toMatchObject({ labels: Int32Array.of(99, 42) });
  });

  it.each([
    ["data_batch_1.bin", new Uint8Array(3000), "has 3000 bytes, which are no whole number"],
    ["data_batch_1.bin", new Uint8Array(), "has 0 bytes, which are no whole number"],
    ["data_batch_1.bin", record([10], [0, 0, 0]), "sample 0 has label 10; CIFAR-10 has 0 to 9"],
    ["train.bin", record([0], [0, 0, 0]), "has 3073 bytes, which are no whole number"],
  ])("%s of other records is refused: %#", async (name, bytes, message) => {
    await expect(openDataset(await mnistFolder({ [name]: bytes }))).rejects.toThrow(message);
  });
});
