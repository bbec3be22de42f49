import { describe, expect, it } from "vitest";
import { examineDataset } from "../../../src/data/examine-dataset.ts";
import { openDataset } from "../../../src/data/open-dataset.ts";
import {
  classModel,
  groupTable,
  sampleTable,
  summary,
  valueModel,
} from "../../../webview/data/report-models.ts";

const options = { shares: { train: 0.6, validation: 0.2, test: 0.2 }, seed: 0, isScaled: false };

describe("a report on data as charts and tables", () => {
  it("says in words what the charts show", async () => {
    const report = await examineDataset(await openDataset("digits"), options);
    expect(summary(report)).toBe(
      "1,797 samples of 1×8×8 · 10 classes · training 1,078, validation 360, test 359",
    );
    const classes = classModel(report);
    expect(classes.description).toBe("Samples of 10 classes, by part: from 174 to 183 a class.");
    expect(classes.parts.map(({ counts }) => counts[8])).toEqual([104, 35, 35]);
    expect(valueModel(report).description).toBe(
      "Histogram of Values: 115,008 values from 0 to 1, mean 0.305.",
    );
    expect(sampleTable(report)).toBeUndefined();
    expect(groupTable(report).rows).toHaveLength(1);
  });

  it("has a table of features by their names, and one of samples", async () => {
    const features = Float32Array.from({ length: 120 }, (_, at) => at / 60 - 1);
    const targets = { kind: "numbers" as const, values: new Float32Array(60).fill(0.5), shape: [] };
    const report = await examineDataset(
      { name: "t", count: 60, sampleShape: [2], features, targets, featureNames: ["age", "size"] },
      options,
    );
    expect(groupTable(report)).toMatchObject({
      title: "Features",
      rows: [
        ["age", expect.closeTo(-1 / 60, 6), expect.any(Number), -1, expect.any(Number), 0, 0],
        [
          "size",
          expect.closeTo(0, 6),
          expect.any(Number),
          expect.any(Number),
          expect.any(Number),
          0,
          0,
        ],
      ],
    });
    const samples = sampleTable(report);
    expect(samples?.columns).toEqual(["sample", "part", "target", "age", "size"]);
    expect(samples?.rows).toHaveLength(12);
    const [name, , target, age] = samples?.rows[0] ?? [];
    const row = Number(String(name).replace("row ", "")) - 1;
    expect([target, age]).toEqual(["0.5", features[2 * row]]);
  });
});
