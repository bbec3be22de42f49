import { describe, expect, it } from "vitest";
import { fromJsonNumber, type JsonNumber } from "../../../src/protocol/reports.ts";
import { addToHistogram, emptyHistogram } from "../../../src/statistics/histogram.ts";
import { mergeMoments, momentsOf, standardDeviation } from "../../../src/statistics/moments.ts";
import { quantiles } from "../../../src/statistics/quantiles.ts";
import { StatisticsCollector, valueStatistics } from "../../../src/statistics/value-statistics.ts";
import goldens from "../../oracles/statistics.json" with { type: "json" };

interface Golden {
  name: string;
  values: JsonNumber[];
  count: number;
  nan: number;
  positiveInfinity: number;
  negativeInfinity: number;
  zeros: number;
  finite: number;
  mean: number | null;
  std: number | null;
  min: number | null;
  max: number | null;
  quantiles: Record<string, number> | null;
  histogram: { edges: number[]; counts: number[]; below: number; above: number } | null;
}

function numbers(golden: Golden): Float32Array {
  return Float32Array.from(golden.values, fromJsonNumber);
}

function close(actual: number, expected: number, scale: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-13 * Math.max(scale, 1e-30));
}

describe("statistics equal numpy's", () => {
  for (const golden of goldens as unknown as Golden[]) {
    it(golden.name, () => {
      const values = numbers(golden);
      const edges =
        golden.histogram === null ? undefined : Float64Array.from(golden.histogram.edges);
      const report = valueStatistics("v", values, edges === undefined ? {} : { edges });
      expect(report.count).toBe(golden.count);
      expect(report.nan).toBe(golden.nan);
      expect(report.inf).toBe(golden.positiveInfinity + golden.negativeInfinity);
      expect(report.zeros).toBe(golden.zeros);
      if (golden.finite === 0 || golden.histogram === null) {
        expect(report.mean).toBe("NaN");
        return;
      }
      const largest = Math.max(Math.abs(golden.min ?? 0), Math.abs(golden.max ?? 0));
      close(Number(report.mean), golden.mean ?? 0, largest);
      close(Number(report.std), golden.std ?? 0, Math.max(golden.std ?? 0, largest * 1e-3));
      expect(report.min).toBe(golden.min);
      expect(report.max).toBe(golden.max);
      expect(report.histogram.counts).toEqual(golden.histogram.counts);
      expect(report.histogram.below).toBe(golden.histogram.below + golden.negativeInfinity);
      expect(report.histogram.above).toBe(golden.histogram.above + golden.positiveInfinity);
      const probabilities = Object.keys(golden.quantiles ?? {});
      const actual = quantiles(
        values,
        probabilities.map((percent) => Number(percent) / 100),
      );
      for (const [index, percent] of probabilities.entries()) {
        close(actual[index] ?? Number.NaN, golden.quantiles?.[percent] ?? 0, largest);
      }
    });

    it(`${golden.name}, merged from two halves`, () => {
      const values = numbers(golden);
      const middle = Math.floor(values.length / 3);
      const merged = mergeMoments(
        momentsOf(values.subarray(0, middle)),
        momentsOf(values.subarray(middle)),
      );
      expect(merged.finite).toBe(golden.finite);
      if (golden.finite === 0) return;
      const largest = Math.max(Math.abs(golden.min ?? 0), Math.abs(golden.max ?? 0));
      close(merged.mean, golden.mean ?? 0, largest);
      close(standardDeviation(merged), golden.std ?? 0, Math.max(golden.std ?? 0, largest * 1e-3));
    });
  }
});

describe("statistics that arrive in pieces", () => {
  const values = Float32Array.from({ length: 1000 }, (_, index) => Math.sin(index * 1.7) * index);

  it("equal those of the whole", () => {
    const collector = new StatisticsCollector("v");
    for (let start = 0; start < 1000; start += 300)
      collector.add(values.subarray(start, start + 300));
    const whole = valueStatistics("v", values);
    const pieces = collector.finish();
    expect(pieces).toEqual({ ...whole, mean: pieces.mean, std: pieces.std });
    expect(pieces.mean).toBeCloseTo(Number(whole.mean), 10);
    expect(pieces.std).toBeCloseTo(Number(whole.std), 10);
  });

  it("keep every count beyond what is kept for quantiles", () => {
    const collector = new StatisticsCollector("v", 30, 64);
    for (let start = 0; start < 1000; start += 300)
      collector.add(values.subarray(start, start + 300));
    const { histogram, count, quantiles } = collector.finish();
    const inside = histogram.counts.reduce((sum, bin) => sum + bin, 0);
    expect(count).toBe(1000);
    expect(inside + (histogram.below ?? 0) + (histogram.above ?? 0)).toBe(1000);
    expect(histogram.above ?? 0).toBeGreaterThan(0);
    const exact = valueStatistics("v", values).quantiles;
    expect(Math.abs(Number(quantiles["0.5"]) - Number(exact["0.5"]))).toBeLessThan(100);
  });
});

describe("histogram", () => {
  it("puts a value on an edge into the bin to its right, the last edge excepted", () => {
    const histogram = emptyHistogram(Float64Array.of(0, 1, 2, 3));
    addToHistogram(histogram, Float32Array.of(0, 1, 2, 3, -0.1, 3.1, Number.NaN));
    expect([...histogram.counts]).toEqual([1, 1, 2]);
    expect([histogram.below, histogram.above]).toEqual([1, 1]);
  });
});
