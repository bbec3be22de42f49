import { expect, it } from "vitest";
import type { Dataset } from "../../../src/data/dataset.ts";
import { withLabelNoise } from "../../../src/data/label-noise.ts";
import { seededRandom } from "../../../src/data/random.ts";

const COUNT = 4000;
const dataset: Dataset = {
  name: "d",
  count: COUNT,
  sampleShape: [1],
  features: new Float32Array(COUNT),
  targets: {
    kind: "classes",
    labels: new Int32Array(COUNT),
    classNames: ["a", "b", "c", "d"],
  },
};
const rows = Int32Array.from({ length: COUNT / 2 }, (_, row) => 2 * row);

function labels(data: Dataset): Int32Array {
  if (data.targets?.kind !== "classes") throw new Error("no classes");
  return data.targets.labels;
}

it("replaces the share of the given rows' labels by classes drawn alike, the same for a seed", () => {
  const noisy = labels(withLabelNoise(dataset, rows, 0.4, seededRandom(1)));
  const counts = [0, 0, 0, 0];
  for (const [row, label] of noisy.entries()) {
    if (row % 2 === 1) expect(label).toBe(0);
    else counts[label] = (counts[label] ?? 0) + 1;
  }
  // Each other class gets 0.4/4 of 2000 rows; 5 standard deviations are 67.
  for (const count of counts.slice(1)) expect(Math.abs(count - 200)).toBeLessThan(67);
  expect(labels(withLabelNoise(dataset, rows, 0.4, seededRandom(1)))).toEqual(noisy);
  expect(labels(withLabelNoise(dataset, rows, 0.4, seededRandom(2)))).not.toEqual(noisy);
  expect(labels(dataset).every((label) => label === 0)).toBe(true);
});

it("is off at 0, flips what is 0 or 1, and refuses other numbers", () => {
  expect(withLabelNoise(dataset, rows, 0, seededRandom(1))).toBe(dataset);
  const numbers = (value: number): Dataset => ({
    ...dataset,
    targets: { kind: "numbers", values: new Float32Array(COUNT).fill(value), shape: [] },
  });
  const { targets } = withLabelNoise(numbers(1), rows, 1, seededRandom(3));
  const zeros = targets?.kind === "numbers" ? targets.values.filter((value) => value === 0) : [];
  expect(Math.abs(zeros.length - COUNT / 4)).toBeLessThan(120);
  expect(() => withLabelNoise(numbers(0.5), rows, 0.1, seededRandom(3))).toThrow(
    "labelNoise: replaces labels, but the targets of data d are numbers",
  );
});
