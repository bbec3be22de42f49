import { describe, expect, it } from "vitest";
import { ByteSamples } from "../../../src/data/byte-samples.ts";
import { type Dataset, readSamples } from "../../../src/data/dataset.ts";
import { measureScaling, scaledInputs } from "../../../src/data/scale-inputs.ts";
import { openInMemory } from "../../support/memory-dataset.ts";

const table: Dataset = {
  name: "t",
  count: 4,
  sampleShape: [3],
  // The last row is not part of what is measured; the third column is constant in the others.
  features: Float32Array.of(1, 10, 5, 2, 20, 5, 6, 60, 5, 1000, 1000, 1000),
};
const rows = Int32Array.of(0, 1, 2);

describe("scaling of inputs", () => {
  it("makes the measured rows mean 0 and variance 1, feature by feature, and others by the same numbers", async () => {
    const scaling = await measureScaling(table, rows, "standardize");
    // Variances of the population: (2² + 1² + 3²)/3, a hundred times that, and 0, which does not divide.
    const deviation = Math.sqrt(14 / 3);
    expect(scaling).toMatchObject({ subtract: [3, 30, 5], groupSize: 1 });
    expect(scaling.divide[0]).toBeCloseTo(deviation, 12);
    expect(scaling.divide[1]).toBeCloseTo(10 * deviation, 12);
    expect(scaling.divide[2]).toBe(1);
    const scaled = scaledInputs(table, scaling).features as Float32Array;
    expect(scaled[0]).toBeCloseTo(-2 / deviation, 6);
    expect(scaled[5]).toBe(0);
    expect(scaled[11]).toBe(995);
    expect((table.features as Float32Array)[0]).toBe(1);
  });

  it("brings the measured rows to 0 … 1", async () => {
    const scaling = await measureScaling(table, rows, "range");
    expect(scaling).toEqual({ subtract: [1, 10, 5], divide: [5, 50, 1], groupSize: 1 });
  });

  it.each([
    ["NCHW", [3, 2, 2]],
    ["NHWC", [2, 2, 3]],
  ] as const)(
    "goes by channel for %s, also where samples are read when needed",
    async (layout, shape) => {
      const bytes = Uint8Array.from({ length: 24 }, (_, at) => (at * 37) % 256);
      const reader = new ByteSamples({ bytes, channels: 3, pixels: 4, layout, range: [0, 255] });
      const data: Dataset = { name: "b", count: 2, sampleShape: shape, features: reader };
      const scaling = await measureScaling(data, Int32Array.of(0, 1), "standardize");
      const scaled = new Float32Array(24);
      await readSamples(scaledInputs(data, scaling), Int32Array.of(0, 1), scaled);
      for (let channel = 0; channel < 3; channel++) {
        const values = [...scaled].filter((_, at) =>
          layout === "NCHW" ? Math.floor((at % 12) / 4) === channel : at % 3 === channel,
        );
        const mean = values.reduce((sum, value) => sum + value, 0) / 8;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 8;
        expect(values).toHaveLength(8);
        expect(mean).toBeCloseTo(0, 5);
        expect(variance).toBeCloseTo(1, 5);
      }
    },
  );

  it("refuses numbers that are not finite", async () => {
    const digits = await openInMemory("digits");
    const features = digits.features.slice();
    features[70] = Number.NaN;
    await expect(
      measureScaling({ ...digits, features }, Int32Array.of(1), "range"),
    ).rejects.toThrow(
      "data digits: has numbers that are not finite; inputScaling needs finite ones",
    );
  });
});
