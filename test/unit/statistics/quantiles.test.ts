import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantiles, quantilesOfSorted, sortedFinite } from "../../../src/statistics/quantiles.ts";

const PROBABILITIES = [0, 0.15, 0.5, 0.85, 1];

describe("quantiles of buckets", () => {
  const sorted = (values: Float32Array) => quantilesOfSorted(sortedFinite(values), PROBABILITIES);

  it("are those of the sorted values, whatever the values", () => {
    const few = fc.constantFrom(0, -0, 1, 2, Number.NaN, Number.POSITIVE_INFINITY, -1e38);
    fc.assert(
      fc.property(fc.array(fc.oneof(few, fc.float()), { maxLength: 300 }), (numbers) => {
        const values = Float32Array.from(numbers);
        const before = values.slice();
        // 0 and −0 are equal to each other here, and stand in either order.
        const plain = (all: readonly number[]) => all.map((value) => value + 0);
        expect(plain(quantiles(values, PROBABILITIES))).toEqual(plain(sorted(values)));
        expect(values).toEqual(before);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it.each([
    ["ascending", (index: number) => index],
    ["descending", (index: number) => -index],
    ["equal", () => 7],
    ["two values", (index: number) => index % 2],
    ["an organ pipe", (index: number) => Math.min(index, 100_000 - index)],
  ])("are right and quick to find in %s order", (_, value) => {
    const values = Float32Array.from({ length: 100_000 }, (_, index) => value(index));
    expect(quantiles(values, PROBABILITIES)).toEqual(sorted(values));
  });
});
