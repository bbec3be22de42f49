import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ByteSamples } from "../../../src/data/byte-samples.ts";
import { classTargets, type Dataset } from "../../../src/data/dataset.ts";
import { examineDataset } from "../../../src/data/examine-dataset.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { seededRandom } from "../../../src/data/random.ts";
import { greyPng } from "../../support/image-files.ts";
import { openInMemory } from "../../support/memory-dataset.ts";
import { temporaryFolder } from "../../support/repository.ts";
import { wav } from "../../support/wav-file.ts";

const options = { shares: { train: 0.6, validation: 0.2, test: 0.2 }, seed: 0, isScaled: false };

/** Rows of two features and a class, all different; parts of their own: 40 train, 10 validation, 10 test. */
function table(change: Partial<Dataset> = {}): Dataset & { readonly features: Float32Array } {
  const random = seededRandom(1);
  const features = Float32Array.from({ length: 120 }, () => random.uniform() - 0.5);
  const rows = (from: number, to: number) =>
    Int32Array.from({ length: to - from }, (_, index) => from + index);
  return {
    name: "t",
    count: 60,
    sampleShape: [2],
    targets: classTargets(Array.from({ length: 60 }, (_, row) => (row % 2 === 0 ? "even" : "odd"))),
    parts: { train: rows(0, 40), validation: rows(40, 50), test: rows(50, 60) },
    featureNames: ["left", "right"],
    ...change,
    features,
  };
}

const warningsOf = async (dataset: Dataset, change: Partial<typeof options> = {}) =>
  (await examineDataset(dataset, { ...options, ...change })).warnings;

describe("what a data set holds", () => {
  it("is counted by part and class, as a run divides it", async () => {
    const report = await examineDataset(await openDataset("digits"), options);
    expect(report).toMatchObject({
      samples: 1797,
      sampleShape: [1, 8, 8],
      targets: "classes",
      classCount: 10,
      ownParts: false,
      parts: { train: 1078, validation: 360, test: 359 },
      groupKind: "whole",
      warnings: [],
    });
    const sums = report.classes.map(({ parts }) => parts.train + parts.validation + parts.test);
    expect(sums).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
  });

  it("has mean, deviation and bounds of all numbers, and a histogram with each number once", async () => {
    const { values } = await examineDataset(await openDataset("digits"), options);
    const { features } = await openInMemory("digits");
    const mean = features.reduce((sum, value) => sum + value, 0) / features.length;
    const squares = features.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    expect(values.mean).toBeCloseTo(mean, 12);
    expect(values.std).toBeCloseTo(Math.sqrt(squares / features.length), 12);
    expect([values.min, values.max, values.nan, values.inf]).toEqual([0, 1, 0, 0]);
    expect(values.histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(features.length);
  });

  it.each([
    ["NCHW", [3, 2, 2]],
    ["NHWC", [2, 2, 3]],
  ] as const)("is measured by channel for %s", async (layout, sampleShape) => {
    // Channel c of sample s is 10·c + s in all pixels.
    const bytes = Uint8Array.from(
      { length: 36 },
      (_, at) => 10 * Math.floor((at % 12) / 4) + Math.floor(at / 12),
    );
    const reader = new ByteSamples({ bytes, channels: 3, pixels: 4, layout, range: [0, 255] });
    const { groups, groupKind } = await examineDataset(
      { name: "b", count: 3, sampleShape, features: reader },
      options,
    );
    expect(groupKind).toBe("channel");
    expect(groups.map(({ mean, min, max }) => [mean, min, max])).toEqual([
      [1, 0, 2],
      [11, 10, 12],
      [21, 20, 22],
    ]);
    for (const { std } of groups) expect(std).toBeCloseTo(Math.sqrt(2 / 3), 12);
  });

  it("shows samples of each class, the same for the same seed", async () => {
    const digits = await openDataset("digits");
    const { shown } = await examineDataset(digits, options);
    expect(shown.map(({ target }) => target)).toEqual(
      ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].flatMap((name) => [name, name, name]),
    );
    expect((await examineDataset(digits, options)).shown).toEqual(shown);
    const others = await examineDataset(digits, { ...options, seed: 1 });
    expect(others.shown.map(({ row }) => row)).not.toEqual(shown.map(({ row }) => row));
    const { features } = await openInMemory("digits");
    const [first] = shown;
    const at = ((first?.row ?? 0) - 1) * 64;
    const view = first?.view;
    if (view?.kind !== "image") throw new Error("an image expected");
    expect([view.width, view.height, view.channels]).toEqual([8, 8, 1]);
    expect([...Buffer.from(view.pixels, "base64")]).toEqual(
      Array.from(features.subarray(at, at + 64), (value) => Math.round(255 * value)),
    );
  });

  it("draws a large image in blocks, the channels of a pixel together", async () => {
    const sampleShape = [3, 192, 96];
    const features = Float32Array.from({ length: 3 * 192 * 96 }, (_, at) =>
      Math.floor(at / (192 * 96)),
    );
    const { shown } = await examineDataset({ name: "l", count: 1, sampleShape, features }, options);
    const view = shown[0]?.view;
    if (view?.kind !== "image") throw new Error("an image expected");
    expect([view.width, view.height]).toEqual([48, 96]);
    const pixels = [...Buffer.from(view.pixels, "base64")];
    expect(pixels).toHaveLength(48 * 96 * 3);
    expect(pixels.slice(0, 6)).toEqual([0, 128, 255, 0, 128, 255]);
  });

  it("has the shape of a sound, in seconds, and its file's name", async () => {
    const folder = await temporaryFolder();
    for (const [name, height] of [
      ["loud", 1],
      ["soft", 0.25],
    ] as const) {
      await mkdir(join(folder, name));
      const channel = Array.from({ length: 800 }, (_, at) => (at % 2 === 0 ? height : -height));
      await writeFile(join(folder, name, "a.wav"), wav({ rate: 8000, channels: [channel] }));
    }
    const { shown, groupKind } = await examineDataset(await openDataset(folder), options);
    expect(groupKind).toBe("whole");
    const [loud, soft] = shown;
    expect([loud?.name, soft?.target]).toEqual([join("loud", "a.wav"), "soft"]);
    if (soft?.view.kind !== "sound") throw new Error("a sound expected");
    expect(soft.view.seconds).toBe(0.1);
    expect(soft.view.low).toHaveLength(200);
    expect(soft.view.low[7]).toBeCloseTo(-0.25, 4);
    expect(soft.view.high[7]).toBeCloseTo(0.25, 4);
  });

  it("ends where it is cancelled", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(examineDataset(table(), { ...options, signal })).rejects.toThrow("enough");
  });
});

describe("warnings", () => {
  it("are none for a table in which all is well", async () => {
    expect(await warningsOf(table())).toEqual([]);
  });

  it("name samples that are in two parts, and count them", async () => {
    const data = table();
    data.features.copyWithin(2 * 41, 2 * 3, 2 * 4);
    data.features.copyWithin(2 * 55, 2 * 3, 2 * 4);
    data.features.copyWithin(2 * 57, 2 * 5, 2 * 6);
    expect(await warningsOf(data)).toEqual([
      {
        rule: "leakage",
        count: 1,
        message: "1 sample of the validation part is in the training part too: row 42 (as row 4).",
      },
      {
        rule: "leakage",
        count: 2,
        message:
          "2 samples of the test part are in the training part too: row 56 (as row 4) and row 58 (as row 6).",
      },
      {
        rule: "leakage",
        count: 1,
        message: "1 sample of the test part is in the validation part too: row 56 (as row 42).",
      },
    ]);
  });

  it("name the files of images that are in two parts", async () => {
    const folder = await temporaryFolder();
    for (const [part, count, from] of [
      ["train", 20, 0],
      ["test", 4, 19],
    ] as const) {
      await mkdir(join(folder, part, "a"), { recursive: true });
      for (let index = 0; index < count; index++) {
        await writeFile(join(folder, part, "a", `${index}.png`), greyPng(4, 4, from + index));
      }
    }
    const leaks = await warningsOf(await openDataset(folder), {
      shares: { train: 1, validation: 0, test: 0 },
    });
    expect(leaks.filter(({ rule }) => rule === "leakage")).toEqual([
      {
        rule: "leakage",
        count: 1,
        message: `1 sample of the test part is in the training part too: ${join("test", "a", "0.png")} (as ${join("train", "a", "19.png")}).`,
      },
    ]);
  });

  it("tell of equal samples with different classes", async () => {
    const data = table();
    data.features.copyWithin(2 * 7, 2 * 4, 2 * 5);
    expect(await warningsOf(data)).toEqual([
      {
        rule: "contradiction",
        count: 2,
        message: "2 samples that are equal have different classes: row 5 is even, row 8 is odd.",
      },
    ]);
  });

  it("name a feature that is constant where it is learned from, though not elsewhere", async () => {
    const data = table();
    for (let row = 0; row < 40; row++) data.features[2 * row + 1] = 0.25;
    expect(await warningsOf(data)).toEqual([
      {
        rule: "constant-feature",
        count: 1,
        message: "The feature right (0.25) is the same in all training samples.",
      },
    ]);
    data.features[1] = 0.5;
    expect(await warningsOf(data)).toEqual([]);
  });

  it("count what is not finite and name where it begins", async () => {
    const data = table();
    data.features[2 * 9] = Number.NaN;
    data.features[2 * 9 + 1] = Number.POSITIVE_INFINITY;
    data.features[2 * 44] = Number.NaN;
    const [first, ...others] = await warningsOf(data);
    expect(first).toEqual({
      rule: "not-finite",
      count: 3,
      message:
        "2 numbers are NaN and 1 infinite, the first in row 10; training needs finite numbers.",
    });
    expect(others).toEqual([]);
  });

  it("name classes that a part lacks, and those with few training samples", async () => {
    const names = Array.from({ length: 60 }, (_, row) => (row < 3 ? "rare" : "often"));
    expect(await warningsOf(table({ targets: classTargets(names) }))).toEqual([
      {
        rule: "missing-class",
        count: 1,
        message: "The validation part has no sample of 1 class: rare.",
      },
      { rule: "missing-class", count: 1, message: "The test part has no sample of 1 class: rare." },
      {
        rule: "small-class",
        count: 1,
        message: "1 class has fewer than 10 training samples: rare (3).",
      },
    ]);
  });

  it("tell of parts without samples", async () => {
    const { parts, ...data } = table();
    const shares = { train: 0.8, validation: 0, test: 0.2 };
    expect(parts).toBeDefined();
    expect(await warningsOf(data, { shares })).toEqual([
      { rule: "empty-part", count: 1, message: "The validation part has no samples." },
    ]);
  });

  it("tell of numbers far from mean 0 and deviation 1, unless the run scales them", async () => {
    const data = table();
    for (let row = 0; row < 60; row++) data.features[2 * row] = 20 + (row % 2);
    expect(await warningsOf(data)).toEqual([
      {
        rule: "unscaled-values",
        count: 1,
        message:
          "1 of 2 features is far from mean 0 and deviation 1, and inputScaling is none: left (20 … 21, mean 20.5, deviation 0.5).",
      },
    ]);
    expect(await warningsOf(data, { isScaled: true })).toEqual([]);
  });
});
