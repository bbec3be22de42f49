import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseNpy } from "../../../src/data/npy.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { floats, npy } from "../../support/npy-file.ts";
import { temporaryFolder } from "../../support/repository.ts";

/** How each type writes a number into bytes. */
const WRITERS = {
  f2: (view: DataView, value: number, little: boolean) =>
    view.setUint16(0, { 1: 0x3c00, 2: 0x4000, "-1": 0xbc00 }[value] ?? 0, little),
  f4: (view: DataView, value: number, little: boolean) => view.setFloat32(0, value, little),
  f8: (view: DataView, value: number, little: boolean) => view.setFloat64(0, value, little),
  i1: (view: DataView, value: number) => view.setInt8(0, value),
  i2: (view: DataView, value: number, little: boolean) => view.setInt16(0, value, little),
  i4: (view: DataView, value: number, little: boolean) => view.setInt32(0, value, little),
  i8: (view: DataView, value: number, little: boolean) =>
    view.setBigInt64(0, BigInt(value), little),
  u1: (view: DataView, value: number) => view.setUint8(0, value),
  u2: (view: DataView, value: number, little: boolean) => view.setUint16(0, value, little),
  u4: (view: DataView, value: number, little: boolean) => view.setUint32(0, value, little),
  u8: (view: DataView, value: number, little: boolean) =>
    view.setBigUint64(0, BigInt(value), little),
  b1: (view: DataView, value: number) => view.setUint8(0, value === 0 ? 0 : 1),
};

type TypeCode = keyof typeof WRITERS;

function bytesOf(type: TypeCode, values: readonly number[], little: boolean): Uint8Array {
  const width = Number(type.slice(1));
  const bytes = new Uint8Array(values.length * width);
  for (const [index, value] of values.entries()) {
    WRITERS[type](new DataView(bytes.buffer, index * width, width), value, little);
  }
  return bytes;
}

describe(".npy", () => {
  it.each(Object.keys(WRITERS) as TypeCode[])("reads %s in both byte orders", (type) => {
    const values = type === "b1" ? [1, 0] : /^[fi]/.test(type) ? [2, -1] : [2, 1];
    for (const [order, little] of [
      ["<", true],
      [">", false],
    ] as const) {
      const file = npy(`'${order}${type}'`, "(2,)", bytesOf(type, values, little));
      expect([...parseNpy(file, "x", "f").values]).toEqual(values);
    }
  });

  it("reads samples with the labels beside them, or in the file that the options name", async () => {
    const folder = await temporaryFolder();
    const samples = join(folder, "x.npy");
    await writeFile(samples, npy("'<f4'", "(2, 3)", floats(1, 2, 3, 4, 5, 6)));
    expect((await openDataset(samples)).targets).toBeUndefined();
    await writeFile(join(folder, "y.npy"), npy("'|u1'", "(2,)", Uint8Array.of(1, 0)));
    await writeFile(join(folder, "other.npy"), npy("'<f4'", "(2,)", floats(0.5, 1.5)));
    const beside = await openDataset(samples);
    expect(beside).toMatchObject({ name: "x.npy", count: 2, sampleShape: [3] });
    expect(beside.targets).toMatchObject({ kind: "classes", labels: Int32Array.of(1, 0) });
    const named = await openDataset(samples, { options: { labels: "other.npy" } });
    expect(named.targets).toMatchObject({ kind: "numbers", values: Float32Array.of(0.5, 1.5) });
    await writeFile(join(folder, "x-labels.npy"), npy("'|u1'", "(3,)", Uint8Array.of(1, 0, 2)));
    await expect(openDataset(samples)).rejects.toThrow("x.npy: y: has 3 rows, but x has 2");
    await expect(openDataset(samples, { options: { labels: "none.npy" } })).rejects.toThrow(
      "none.npy: no such file",
    );
  });

  it("refuses a file of objects and one that is cut off", async () => {
    const folder = await temporaryFolder();
    const objects = join(folder, "objects.npy");
    await writeFile(objects, npy("'|O'", "(1,)", new Uint8Array(8)));
    await expect(openDataset(objects)).rejects.toThrow(
      "x: holds Python objects (dtype object), which are never read; save numbers",
    );
    const cut = join(folder, "cut.npy");
    await writeFile(cut, npy("'<f4'", "(2, 3)", floats(1, 2, 3, 4, 5, 6)).subarray(0, -1));
    await expect(openDataset(cut)).rejects.toThrow(
      "x: shape (2, 3) of f4 needs 24 bytes, but 23 follow",
    );
  });
});
