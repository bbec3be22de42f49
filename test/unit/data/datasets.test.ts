import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { allocateBatch, fillBatch } from "../../../src/data/batches.ts";
import { parseCsv } from "../../../src/data/csv.ts";
import { withSampleShape } from "../../../src/data/dataset.ts";
import { parseNpy } from "../../../src/data/npy.ts";
import { npzDataset, parseNpz } from "../../../src/data/npz.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { seededRandom } from "../../../src/data/random.ts";
import { splitSamples } from "../../../src/data/split.ts";
import { openInMemory } from "../../support/memory-dataset.ts";
import { floats, npy } from "../../support/npy-file.ts";
import { temporaryFolder } from "../../support/repository.ts";

describe("digits", () => {
  it("are 1,797 images of 8×8 in 0…1 with ten classes, in file order", async () => {
    const digits = await openInMemory("digits");
    expect([digits.count, ...digits.sampleShape]).toEqual([1797, 1, 8, 8]);
    expect(Math.max(...digits.features)).toBe(1);
    expect(digits.features[2]).toBe(5 / 16);
    if (digits.targets?.kind !== "classes") throw new Error("classes expected");
    expect(digits.targets.classNames).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect([...digits.targets.labels.subarray(0, 4)]).toEqual([0, 1, 2, 3]);
  });

  it("are split by class, all rows once, the same for the same seed", async () => {
    const digits = await openDataset("digits");
    const shares = { train: 0.6, validation: 0.2, test: 0.2 };
    const split = splitSamples(digits, shares, 0);
    expect([split.train.length, split.validation.length, split.test.length]).toEqual([
      1078, 360, 359,
    ]);
    const all = [...split.train, ...split.validation, ...split.test].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 1797 }, (_, row) => row));
    expect(splitSamples(digits, shares, 0)).toEqual(split);
    expect(splitSamples(digits, shares, 1)).not.toEqual(split);
    if (digits.targets?.kind !== "classes") throw new Error("classes expected");
    const labels = digits.targets.labels;
    for (let digit = 0; digit < 10; digit++) {
      const total = labels.filter((label) => label === digit).length;
      const inTest = split.test.filter((row) => labels[row] === digit).length;
      expect(Math.abs(inTest - total * 0.2)).toBeLessThanOrEqual(1);
    }
  });

  it("fit a flat and an image input, and nothing else", async () => {
    const digits = await openDataset("digits");
    expect(withSampleShape(digits, [64], "x").sampleShape).toEqual([64]);
    expect(withSampleShape(digits, [1, undefined, 8], "x").sampleShape).toEqual([1, 8, 8]);
    expect(() => withSampleShape(digits, [3, 8, 8], "x")).toThrow(
      "data digits: a sample has 64 numbers (1×8×8), but input x takes 192 (3×8×8)",
    );
  });

  it("fill a last batch with repetitions of the last row", async () => {
    const digits = await openDataset("digits");
    const batch = allocateBatch(digits, 4);
    expect(await fillBatch(batch, digits, Int32Array.of(5, 6, 7, 8, 9, 10), 4)).toBe(2);
    expect([...batch.labels]).toEqual([9n, 0n, 0n, 0n]);
    expect(batch.features.subarray(64, 128)).toEqual(batch.features.subarray(192, 256));
  });
});

describe("csv", () => {
  it("takes the column named label, wherever it is", () => {
    const table = parseCsv("a,Label,b\n1,cat,2\n3,ant,4\n", "t", "t.csv");
    expect(table).toMatchObject({
      count: 2,
      sampleShape: [2],
      features: Float32Array.of(1, 2, 3, 4),
    });
    expect(table.targets).toMatchObject({
      classNames: ["ant", "cat"],
      labels: Int32Array.of(1, 0),
    });
  });

  it("reads whole numbers as classes unless numbers are asked for", () => {
    expect(parseCsv("a,t\n1,10\n1,9\n", "t", "t.csv").targets).toMatchObject({
      classNames: ["9", "10"],
    });
    expect(parseCsv("a,t\n1,10\n1,9\n", "t", "t.csv", { kind: "numbers" }).targets).toMatchObject({
      values: Float32Array.of(10, 9),
    });
    expect(parseCsv("a,t\n1,0.5\n1,2\n", "t", "t.csv").targets?.kind).toBe("numbers");
  });

  it("takes names from the first line only where it is more than numbers and a label", () => {
    const named = parseCsv("a,b,label\n1,2,x\n", "t", "t.csv");
    expect(named).toMatchObject({ count: 1, features: Float32Array.of(1, 2) });
    const unnamed = parseCsv("1,2,x\n3,4,y\n", "t", "t.csv");
    expect(unnamed).toMatchObject({ count: 2, features: Float32Array.of(1, 2, 3, 4) });
    expect(unnamed.targets).toMatchObject({ classNames: ["x", "y"] });
    const asTold = parseCsv("1,2,0\n3,4,1\n", "t", "t.csv", { options: { header: "yes" } });
    expect(asTold).toMatchObject({ count: 1, features: Float32Array.of(3, 4) });
  });

  it.each([
    ["2;1;x\n4;3;y\n", ";"],
    ["2\t1\tx\n4\t3\ty\n", "tab"],
    ["2|1|x\n4|3|y\n", "|"],
  ] as const)("finds the separator of %j, or takes the one it is told", (text, separator) => {
    for (const options of [{}, { separator }]) {
      const table = parseCsv(text, "t", "t.csv", { options });
      expect(table.features).toEqual(Float32Array.of(2, 1, 4, 3));
    }
  });

  it("reads quoted cells: separators, quotes and line ends inside them", () => {
    const text = 'a,kind\n1,"big, ""red"" one"\n"2","two\nlines"\n';
    const table = parseCsv(text, "t", "t.csv");
    expect(table.features).toEqual(Float32Array.of(1, 2));
    expect(table.targets).toMatchObject({ classNames: ['big, "red" one', "two\nlines"] });
  });

  it("takes the label column by name or by number from 1", () => {
    for (const labelColumn of ["kind", "1"]) {
      const table = parseCsv("kind,label\nx,5\ny,6\n", "t", "t.csv", { options: { labelColumn } });
      expect(table.features).toEqual(Float32Array.of(5, 6));
      expect(table.targets).toMatchObject({ classNames: ["x", "y"] });
    }
    expect(() => parseCsv("a,b\n1,2\n", "t", "t.csv", { options: { labelColumn: "c" } })).toThrow(
      't.csv: labelColumn: there is no column "c"; there are a, b',
    );
  });

  it.each([
    ["", "t.csv: is empty; rows are needed"],
    ["a\n1\n", "t.csv: has one column; features and a label are needed"],
    ["a,b\n", "t.csv: has a header line but no rows"],
    ["a,b\nx,1\n", 't.csv: row 1, column a: "x" is not a number'],
    [
      "a,b\n1,2\n,3\n",
      't.csv: row 2, column a: the value is missing (""); fill it in or leave the row out',
    ],
    [
      "a,b,c\n1,2,x\n3,NA,y\n",
      't.csv: row 2, column b: the value is missing ("NA"); fill it in or leave the row out',
    ],
    ["a,b\n1,?\n", 't.csv: row 1, column b: the value is missing ("?")'],
    ['a;label\n"1,5";0\n', 'row 1, column a: "1,5" is not a number; decimals need a point'],
    ['"a,b\n1,2\n', "t.csv: line 1: the quote that the cell begins with is never closed"],
    [
      'a,b\n1,2\n3,"4\n5,6\n',
      "t.csv: row 2, column b: the quote that the cell begins with is never closed",
    ],
    [
      '1,2\n3,"4"x\n',
      "t.csv: row 2, column 2: there is text behind the quote that closes the cell",
    ],
    [
      'a,b\n1,2"3\n',
      "t.csv: row 1, column b: there is a quote inside a cell that does not begin with one",
    ],
    ["a,b\n1\n", "t.csv: row 1, column b: the cell is missing; the row has 1 and the first line 2"],
    [
      "a,b\n1,2\n\n3,4,5\n",
      "t.csv: row 2: there are more cells than columns; the row has 3 and the first line 2",
    ],
  ])("refuses %j", (text, message) => {
    expect(() => parseCsv(text, "t", "t.csv")).toThrow(message);
  });
});

describe("npz", () => {
  const labels = new Uint8Array(BigInt64Array.of(2n, 0n).buffer);

  it("takes samples from x and classes from whole numbers in y", () => {
    const zip = zipSync({
      "x.npy": npy("'<f4'", "(2, 3)", floats(1, 2, 3, 4, 5, 6)),
      "y.npy": npy("'<i8'", "(2,)", labels),
    });
    const data = npzDataset(parseNpz(zip, "d.npz"), "d.npz", "d.npz");
    expect(data).toMatchObject({ count: 2, sampleShape: [3] });
    expect(data.targets).toMatchObject({ kind: "classes", classNames: ["0", "1", "2"] });
  });

  it("reads arrays stored column by column", () => {
    const bytes = npy("'<f4'", "(2, 3)", floats(1, 4, 2, 5, 3, 6), "True");
    expect([...parseNpy(bytes, "x", "f").values]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([
    [
      "'|O'",
      "(1,)",
      8,
      "f: x: holds Python objects (dtype object), which are never read; save numbers",
    ],
    ["'<U3'", "(1,)", 12, "f: x: dtype U3 is not supported; use numbers or booleans"],
    ["[('a', '<f4')]", "(1,)", 4, "f: x: header is not that of an array of numbers"],
    ["'<f4'", "(2,)", 4, "f: x: shape (2) of f4 needs 8 bytes, but 4 follow"],
    ["'<f4'", "(4611686018427387904, 4)", 4, "is not valid"],
    ["'<f4'", "(3000000000, 3000000000)", 4, "needs 36000000000000000000 bytes, but 4 follow"],
  ])("refuses dtype %s with shape %s", (descr, shape, size, message) => {
    expect(() => parseNpy(npy(descr, shape, new Uint8Array(size)), "x", "f")).toThrow(message);
  });

  it("refuses a member that declares more than memory should hold, before expanding it", () => {
    const zip = zipSync({ "x.npy": npy("'<f4'", "(1,)", floats(1)) }, { level: 9 });
    const view = new DataView(zip.buffer);
    for (let byte = 0; byte + 4 < zip.length; byte++) {
      if (view.getUint32(byte, true) === 0x02014b50) view.setUint32(byte + 24, 0xfffffff0, true);
    }
    expect(() => parseNpz(zip, "d.npz")).toThrow(/its \d+ bytes expand to 4294967280, which/);
  });

  /** Where the zip's directory, which comes last, states the sizes of a member. */
  const directory = (zip: Uint8Array, name: string) => Buffer.from(zip).lastIndexOf(name) - 46;
  const member = npy("'<f4'", "(100000,)", new Uint8Array(400_000));

  it("refuses a member that expands to more or less than it declares", () => {
    for (const [declared, told] of [
      [300_000, "d.npz: x.npy: shape (100000) of f4 needs 400000 bytes, but"],
      [400_200, "d.npz: x.npy: expands to 400128 bytes; the archive says 400200"],
    ] as const) {
      const zip = Buffer.from(zipSync({ "x.npy": member }, { level: 9 }));
      zip.writeUInt32LE(declared, directory(zip, "x.npy") + 24);
      expect(() => parseNpz(zip, "d.npz")).toThrow(told);
    }
  });

  it("refuses stored members of which the archive says that they expand to nothing", () => {
    const zip = Buffer.from(zipSync({ "x.npy": member }, { level: 0 }));
    zip.writeUInt32LE(0, directory(zip, "x.npy") + 24);
    expect(() => parseNpz(zip, "d.npz")).toThrow("x.npy: the archive says that its 400128 bytes");
  });

  it("refuses members that together are more than memory should hold, and one that is there twice", () => {
    // What does not shrink, declared to expand as far as deflate could.
    const random = seededRandom(5);
    const noise = Uint8Array.from({ length: 2_100_000 }, () => random.below(256));
    const zip = Buffer.from(zipSync({ "x.npy": noise }, { level: 1 }));
    const at = directory(zip, "x.npy");
    zip.writeUInt32LE(zip.readUInt32LE(at + 20) * 1032, at + 24);
    expect(() => parseNpz(zip, "d.npz")).toThrow(
      "x.npy: the arrays expand to more than 2147483648 bytes",
    );
    const twice = Buffer.from(zipSync({ "x.npy": member, "z.npy": member }, { level: 9 }));
    twice.write("x.npy", twice.lastIndexOf("z.npy"));
    expect(() => parseNpz(twice, "d.npz")).toThrow("d.npz: x.npy: is in the archive twice");
  });

  it("refuses arrays of objects in an archive, and rows that take no bytes", () => {
    const put = (bytes: Uint8Array, other = npy("'<i8'", "(1,)", labels.subarray(0, 8))) =>
      npzDataset(parseNpz(zipSync({ "x.npy": bytes, "y.npy": other }), "d"), "d", "d");
    expect(() => put(npy("'|O'", "(1,)", new Uint8Array(8)))).toThrow(
      "d: x.npy: holds Python objects (dtype object), which are never read",
    );
    expect(() => put(npy("[('a', '|O')]", "(1,)", new Uint8Array(8)))).toThrow(
      "x.npy: header is not that of an array of numbers",
    );
    expect(() => put(npy("'<f4'", "(1000000000000, 0)", new Uint8Array()))).toThrow(
      "d: x: shape (1000000000000, 0) has no number in a row",
    );
    const one = npy("'<f4'", "(1, 1)", floats(1));
    expect(() => put(one, npy("'<i8'", "(1, 0)", new Uint8Array()))).toThrow(
      "d: y: shape (1, 0) has no number in a row",
    );
  });

  it("refuses an archive that is cut off anywhere, or is something else", () => {
    const zip = zipSync({ "x.npy": member }, { level: 9 });
    for (const share of [0.01, 0.5, 0.99]) {
      const cut = zip.subarray(0, Math.floor(zip.length * share));
      expect(() => parseNpz(cut, "d.npz")).toThrow("d.npz: is not a valid .npz (zip) file");
    }
  });

  it("names what is missing or does not fit", () => {
    const one = { "z.npy": npy("'<f4'", "(1,)", floats(1)) };
    expect(() => npzDataset(parseNpz(zipSync(one), "d"), "d", "d")).toThrow(
      "d: has no array x, nor x_train; it has z",
    );
    const uneven = {
      "x.npy": npy("'<f4'", "(1, 1)", floats(1)),
      "y.npy": npy("'<i8'", "(2,)", labels),
    };
    expect(() => npzDataset(parseNpz(zipSync(uneven), "d"), "d", "d")).toThrow(
      "y: has 2 rows, but x has 1",
    );
  });
});

describe("opening", () => {
  it("looks at the content before the name", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "wrong-name.csv");
    await writeFile(path, zipSync({ "x.npy": npy("'<f4'", "(1, 1)", floats(1)) }));
    expect(await openDataset(path)).toMatchObject({ count: 1 });
    await expect(openDataset(join(folder, "none.csv"))).rejects.toThrow("no such data set");
    await expect(openDataset(folder)).rejects.toThrow("is not a known data set");
    await writeFile(join(folder, "a.txt"), "hello");
    await expect(openDataset(join(folder, "a.txt"))).rejects.toThrow("is not a known data set");
  });
});
