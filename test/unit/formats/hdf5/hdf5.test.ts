import { expect, test } from "vitest";
import { newHdf5, type OpenHdf5 } from "../../../../src/formats/hdf5/library.ts";
import { readHdf5 } from "../../../../src/formats/hdf5/read.ts";
import {
  dataset,
  type Hdf5Group,
  nodeAt,
  textAttribute,
  withAttribute,
  withNode,
} from "../../../../src/formats/hdf5/tree.ts";
import { writeHdf5 } from "../../../../src/formats/hdf5/write.ts";
import { fixture } from "../keras/keras-files.ts";

const numbers = new Uint8Array(Float32Array.from([1, 2.5, -3, 4]).buffer);

test("groups, numbers, compression and texts come back as they were written", async () => {
  const plain = dataset([2, 2], numbers);
  const packed = { ...plain, chunks: [1, 2], deflate: 6 };
  const integers = {
    ...dataset([3], new Uint8Array(BigInt64Array.from([1n, -2n, 2n ** 60n]).buffer)),
    type: { kind: "integer", size: 8, signed: true },
  } as const;
  let tree: Hdf5Group = withNode(undefined, ["a", "b", "plain"], plain);
  tree = withNode(tree, ["a", "packed"], packed);
  tree = withNode(tree, ["integers"], integers);
  tree = withNode(tree, ["single"], dataset([], numbers.subarray(0, 4)));
  tree = withNode(tree, ["none"], dataset([0, 3], new Uint8Array()));
  tree = withAttribute(tree, "text", textAttribute("Größe"));
  tree = withAttribute(tree, "list", textAttribute(["one", "two"]));
  tree = withAttribute(tree, "fixed", { shape: [2], type: "S3", values: ["abc", "d"] });
  tree = withAttribute(tree, "empty", { shape: [0], type: "<d", values: [] });
  tree = withAttribute(tree, "long", textAttribute("x".repeat(200_000)));
  expect(await readHdf5(await writeHdf5(tree))).toEqual(tree);
});

/** A file that h5wasm writes, whose HDF5 library is that of the C world. */
async function refused(write: (open: OpenHdf5) => void): Promise<string> {
  const bytes = await newHdf5(write);
  const error = await readHdf5(bytes).catch((reason: unknown) => reason);
  return error instanceof Error ? `${error.name}: ${error.message}` : "read";
}

test("links are refused, and what they lead to is not opened", async () => {
  expect(
    await refused(({ file }) => file.create_external_link("/etc/passwd", "/x", "outside")),
  ).toBe("InputError: outside is a link to another file, /etc/passwd; links are not followed");
  expect(
    await refused(({ file }) => {
      file.create_group("there");
      file.create_soft_link("/there", "soft");
    }),
  ).toBe("InputError: soft is a soft link to /there; links are not followed");
  expect(await refused(({ file }) => file.create_soft_link("/nowhere", "broken"))).toMatch(
    /InputError: broken is a soft link/,
  );
});

test("a group that lies in itself does not end the reading", async () => {
  const told = await refused(({ file }) => {
    file.create_group("group").create_hard_link("/group", "again");
  });
  expect(told).toMatch(/InputError: (groups lie within each other|the HDF5 file leads to more)/);
});

test("groups that multiply through links are bounded", async () => {
  const told = await refused(({ file }) => {
    // Ten levels with four links each to the next one: a million paths to a few objects.
    for (let level = 0; level < 10; level++) {
      const group = file.create_group(`level${level}`);
      if (level === 0) continue;
      for (const name of ["a", "b", "c", "d"]) {
        group.create_hard_link(`/level${level - 1}`, name);
      }
    }
  });
  expect(told).toMatch(/InputError: the HDF5 file leads to more than \d+ objects/);
});

test("a dataset larger than the file can hold is refused before it is read", async () => {
  const told = await refused(({ module, file }) => {
    const shape = [2 ** 20, 2 ** 20].map(BigInt);
    const metadata = { type: 1, size: 4, signed: false, vlen: false, littleEndian: true };
    const pointer = module._malloc(64);
    const chunked = {
      ...metadata,
      total_size: 0,
      shape: [0n],
      maxshape: [2n ** 50n],
      chunks: [16n],
    };
    type Arguments = Parameters<typeof module.create_dataset>[3];
    module.create_dataset(file.file_id, "/huge", BigInt(pointer), {
      ...chunked,
      compression: 1,
      compression_opts: [1],
    } as unknown as Arguments);
    module.resize_dataset(file.file_id, "/huge", [shape[0] as bigint]);
    module._free(pointer);
  });
  expect(told).toMatch(/InputError: huge has shape \[1048576\], more than the file's \d+ bytes/);
});

test("datasets that lie in other files are refused", async () => {
  const read = (name: string) => readHdf5(fixture(name)).catch((error: Error) => error.message);
  expect(await read("hostile-virtual.h5")).toBe(
    "model_weights/numbers is a virtual dataset, which lies in other files",
  );
  expect(await read("hostile-storage.h5")).toMatch(/damaged or cut off: .*external raw data file/);
});

test("half precision is read, and written as float32, which holds every such number", async () => {
  const tree = await readHdf5(fixture("half.h5"));
  const path = ["model_weights", "half", "sequential", "half", "kernel"];
  const before = nodeAt(tree, path);
  const after = nodeAt(await readHdf5(await writeHdf5(tree)), path);
  if (before?.kind !== "dataset" || after?.kind !== "dataset") throw new Error("no kernel");
  expect(before.type).toEqual({ kind: "float", size: 2, signed: false });
  expect(after.type).toEqual({ kind: "float", size: 4, signed: false });
});

test("texts that are one and the same thousands of times are not expanded", async () => {
  const before = process.memoryUsage().rss;
  await expect(readHdf5(fixture("hostile-texts.h5"))).rejects.toThrow(
    /expands to more memory than its \d+ bytes and the sizes that it states allow/,
  );
  // Three gigabytes otherwise, or as much as the library can get.
  expect(process.memoryUsage().rss - before).toBeLessThan(400e6);
});

test("a text that several attributes share counts each time", async () => {
  await expect(readHdf5(fixture("hostile-shared-text.h5"))).rejects.toThrow(
    /up to attribute names of the file, the HDF5 file's attributes are more than its \d+ bytes/,
  );
});

test("attributes that are met again and again behind links are bounded", async () => {
  const told = await refused(({ file }) => {
    const group = file.create_group("group");
    for (let index = 0; index < 30; index++)
      group.create_attribute(`text${index}`, "y".repeat(500), [], "S500");
    for (let index = 0; index < 100; index++) file.create_hard_link("/group", `again${index}`);
  });
  expect(told).toMatch(/InputError: up to attribute .*, the HDF5 file's attributes are more than/);
});

test("an object with very many attributes is refused by its name", async () => {
  const told = await refused(({ file }) => {
    const group = file.create_group("group");
    for (let index = 0; index < 1001; index++) group.create_attribute(`a${index}`, 1);
  });
  expect(told).toBe("InputError: group has 1001 attributes; 1000 at most are read");
});

test("chunks that are far larger than their dataset are refused", async () => {
  await expect(readHdf5(fixture("hostile-chunk-shape.h5"))).rejects.toThrow(
    "numbers has chunks of shape [268435456], 1073741824 bytes each, and 16 bytes in all",
  );
});

test("a compressed chunk that expands far beyond its shape is not expanded", async () => {
  const before = process.memoryUsage().rss;
  await expect(readHdf5(fixture("hostile-chunk.h5"))).rejects.toThrow(
    /expands to more memory than its \d+ bytes and the sizes that it states allow/,
  );
  expect(process.memoryUsage().rss - before).toBeLessThan(400e6);
  // The library is as good as before.
  expect((await readHdf5(fixture("half.h5"))).children.has("model_weights")).toBe(true);
});
