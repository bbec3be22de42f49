import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import type { DatasetRequest } from "../../../src/data/dataset-request.ts";
import { npzDataset, parseNpz } from "../../../src/data/npz.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import { splitSamples } from "../../../src/data/split.ts";
import { floats, npy } from "../../support/npy-file.ts";
import { temporaryFolder } from "../../support/repository.ts";

/** Grey images of one row of two pixels, as bytes. */
const images = (...pixels: number[]) =>
  npy("'|u1'", `(${pixels.length / 2}, 1, 2)`, Uint8Array.from(pixels));
const labels = (...classes: number[]) =>
  npy("'|u1'", `(${classes.length},)`, Uint8Array.from(classes));
const numbers = (...values: number[]) => npy("'<f4'", `(${values.length},)`, floats(...values));

function archive(arrays: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return zipSync(
    Object.fromEntries(Object.entries(arrays).map(([name, at]) => [`${name}.npy`, at])),
  );
}

function read(arrays: Readonly<Record<string, Uint8Array>>, request?: DatasetRequest) {
  return npzDataset(parseNpz(archive(arrays), "d.npz"), "d.npz", "d.npz", request);
}

describe("parts of a .npz file", () => {
  it("are those of Keras' mnist.npz, and a run takes its test part from the file", async () => {
    // The order of the file's members, as Keras' file has them.
    const path = join(await temporaryFolder(), "mnist.npz");
    const zip = archive({
      x_test: images(200, 201, 202, 203),
      x_train: images(0, 1, 2, 3, 4, 5, 6, 7, 8, 255),
      y_train: labels(0, 1, 0, 1, 0),
      y_test: labels(3, 1),
    });
    await writeFile(path, zip);
    const data = await openDataset(path);
    expect(data).toMatchObject({ name: "mnist.npz", count: 7, sampleShape: [1, 2] });
    expect(data.features).toEqual(
      Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 255, 200, 201, 202, 203),
    );
    expect(data.targets).toEqual({
      kind: "classes",
      labels: Int32Array.of(0, 1, 0, 1, 0, 3, 1),
      classNames: ["0", "1", "2", "3"],
    });
    const split = splitSamples(data, { train: 0.6, validation: 0.2, test: 0.2 }, 0);
    expect([...split.test].sort()).toEqual([5, 6]);
    expect([...split.train, ...split.validation].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it.each([
    ["x", "y", "x_val", "y_val"],
    ["X", "Y", "X_valid", "Y_valid"],
    ["X_train", "y_train", "X_validation", "y_validation"],
    ["trainX", "trainY", "devX", "devY"],
    ["train_images", "train_labels", "val_images", "val_labels"],
    ["features", "targets", "val-features", "val-targets"],
  ])("are told by the names %s, %s, %s and %s", (x, y, otherX, otherY) => {
    const data = read({
      [otherY]: numbers(0.5),
      [otherX]: images(5, 6),
      [y]: numbers(-1, 1.5),
      [x]: images(1, 2, 3, 4),
      index: labels(9),
    });
    expect(data.features).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(data.targets).toMatchObject({ values: Float32Array.of(-1, 1.5, 0.5), shape: [] });
    expect(data.parts).toEqual({ train: Int32Array.of(0, 1), validation: Int32Array.of(2) });
  });

  it("are not there where the file has samples alone, or a part is empty", () => {
    expect(read({ X: images(1, 2) }).parts).toBeUndefined();
    const empty = read({ x: images(1, 2), x_test: images(), y: labels(1), y_test: labels() });
    expect(empty.parts).toEqual({ train: Int32Array.of(0) });
    expect(read({ x_train: images(1, 2), x_test: images(3, 4) })).toMatchObject({
      count: 2,
      parts: { train: Int32Array.of(0), test: Int32Array.of(1) },
    });
  });

  it("take x before images, and the samples that are named as the model's input", () => {
    const both = { images: images(1, 2), x: images(3, 4), labels: labels(1) };
    expect(read(both).features).toEqual(Float32Array.of(3, 4));
    const input = { name: "pixels", sampleShape: [1, 2] };
    const named = { pixels: images(5, 6), y: labels(1), x_test: images(7, 8), y_test: labels(0) };
    expect(read(named, { input }).features).toEqual(Float32Array.of(5, 6, 7, 8));
  });

  const pair = { x_train: images(1, 2), y_train: labels(1) };
  it.each([
    [
      { ...pair, x_test: images(1, 2) },
      "x_test: no array has its targets, but x_train has those in y_train",
    ],
    [
      { x: images(1, 2), x_val: images(1, 2), y_val: labels(0) },
      "x: no array has its targets, but x_val has those in y_val",
    ],
    [{ ...pair, y_test: labels(1) }, "y_test: has targets, but no array has their samples"],
    [
      { y_train: labels(1), x_test: images(1, 2) },
      "has no array x, nor x_train; it has y_train, x_test",
    ],
    [
      { ...pair, x_test: images(1, 2, 3, 4), y_test: labels(1) },
      "y_test: has 1 rows, but x_test has 2",
    ],
    [
      { ...pair, x_test: npy("'|u1'", "(1, 2, 1)", Uint8Array.of(1, 2)), y_test: labels(1) },
      "x_test: its samples are (2×1), those of x_train (1×2)",
    ],
    [
      { ...pair, x_test: images(1, 2), y_test: numbers(0.5) },
      "y_test: its targets are numbers of shape (), those of y_train classes",
    ],
    [
      { ...pair, X_train: images(1, 2) },
      "x_train and X_train: both are the samples of the train part; leave one",
    ],
  ])("are refused where they do not fit: %#", (arrays, message) => {
    expect(() => read(arrays)).toThrow(`d.npz: ${message}`);
  });

  it("name the array of a target that is no class", () => {
    const arrays = {
      ...pair,
      x_test: images(1, 2),
      y_test: npy("'|i1'", "(1,)", Uint8Array.of(255)),
    };
    expect(() => read(arrays)).toThrow("d.npz: y_test[0]: -1 is not a class");
  });
});
