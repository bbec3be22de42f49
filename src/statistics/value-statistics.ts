import { type HistogramReport, jsonNumber, type ValueStatistics } from "../protocol/reports.ts";
import { addToHistogram, emptyHistogram, equalEdges, type Histogram } from "./histogram.ts";
import { type Moments, mergeMoments, momentsOf, NO_MOMENTS, standardDeviation } from "./moments.ts";
import { quantilesOfSorted, sortedFinite } from "./quantiles.ts";

type Numbers = Float32Array | Float64Array;

/**
 * TensorBoard's nine (minimum, ±3σ … maximum of a normal distribution, less the extremes, which
 * min and max already say) and the 15/50/85 of Ioffe and Szegedy, "Batch Normalization" (2015),
 * figure 1.
 */
export const QUANTILES: readonly number[] = [
  0.0668, 0.15, 0.1587, 0.3085, 0.5, 0.6915, 0.8413, 0.85, 0.9332,
];

export const DEFAULT_BINS = 30;

export interface StatisticsOptions {
  readonly bins?: number;
  /** Fixed edges; left out, the histogram spans minimum to maximum. */
  readonly edges?: Float64Array;
}

/** Everything reported about one array. Moments and quantiles are of its finite values. */
export function valueStatistics(
  name: string,
  values: Numbers,
  options: StatisticsOptions = {},
): ValueStatistics {
  const moments = momentsOf(values);
  const edges = options.edges ?? equalEdges(moments.min, moments.max, options.bins ?? DEFAULT_BINS);
  const histogram = emptyHistogram(edges);
  addToHistogram(histogram, values);
  return report(name, moments, sortedFinite(values), histogram, options.edges !== undefined);
}

/** Values kept for quantiles and edges: 2²⁴, 64 MiB each watched value. */
const MOST_KEPT = 2 ** 24;

/**
 * The same statistics of values that arrive in pieces.
 *
 * Counts, mean, deviation, minimum and maximum are of all values. Quantiles are exact up to
 * `mostKept` values; after that every second kept value is dropped and only every second new one is
 * kept, and so on, an even sample of the whole. Histogram counts are of all values: the edges span
 * what had come by then, and what falls outside later is counted below and above.
 */
export class StatisticsCollector {
  #moments: Moments = NO_MOMENTS;
  #kept = new Float32Array(1024);
  #keptCount = 0;
  /** One in so many values is kept. */
  #every = 1;
  #seen = 0;
  #histogram: Histogram | undefined;

  constructor(
    readonly name: string,
    readonly bins = DEFAULT_BINS,
    readonly mostKept = MOST_KEPT,
  ) {}

  add(values: Float32Array): void {
    this.#moments = mergeMoments(this.#moments, momentsOf(values));
    if (this.#histogram !== undefined) addToHistogram(this.#histogram, values);
    const keptBefore = this.#keptCount;
    for (let index = 0; index < values.length; index++) {
      if (this.#seen++ % this.#every !== 0) continue;
      if (this.#keptCount === this.mostKept) this.#thin(values, keptBefore);
      if ((this.#seen - 1) % this.#every === 0) this.#keep(values[index] as number);
    }
  }

  finish(): ValueStatistics {
    const kept = this.#kept.subarray(0, this.#keptCount);
    const fixed = this.#histogram !== undefined;
    const histogram = this.#histogram ?? this.#startHistogram(kept);
    return report(this.name, this.#moments, sortedFinite(kept), histogram, fixed);
  }

  #keep(value: number): void {
    if (this.#keptCount === this.#kept.length) {
      const larger = new Float32Array(Math.min(this.#kept.length * 2, this.mostKept));
      larger.set(this.#kept);
      this.#kept = larger;
    }
    this.#kept[this.#keptCount++] = value;
  }

  /** @param keptBefore values kept before this piece; at the first thinning, all there had been. */
  #thin(piece: Float32Array, keptBefore: number): void {
    if (this.#histogram === undefined) {
      this.#histogram = this.#startHistogram(this.#kept.subarray(0, keptBefore));
      addToHistogram(this.#histogram, piece);
    }
    this.#keptCount = Math.ceil(this.#keptCount / 2);
    for (let index = 0; index < this.#keptCount; index++) {
      this.#kept[index] = this.#kept[2 * index] as number;
    }
    this.#every *= 2;
  }

  /** Edges by the moments so far, which include the piece that is being added. */
  #startHistogram(values: Float32Array): Histogram {
    const { min, max } = this.#moments;
    const histogram = emptyHistogram(equalEdges(min, max, this.bins));
    addToHistogram(histogram, values);
    return histogram;
  }
}

function report(
  name: string,
  moments: Moments,
  sorted: Numbers,
  histogram: Histogram,
  fixedEdges: boolean,
): ValueStatistics {
  const values = quantilesOfSorted(sorted, QUANTILES);
  const { count, zeros, nan, inf } = moments;
  return {
    name,
    count,
    mean: jsonNumber(moments.mean),
    std: jsonNumber(standardDeviation(moments)),
    min: jsonNumber(moments.min),
    max: jsonNumber(moments.max),
    zeros,
    nan,
    inf,
    quantiles: Object.fromEntries(
      QUANTILES.map((probability, index) => [
        String(probability),
        jsonNumber(values[index] ?? Number.NaN),
      ]),
    ),
    histogram: histogramReport(histogram, fixedEdges),
  };
}

function histogramReport(histogram: Histogram, fixedEdges: boolean): HistogramReport {
  const edges = [...histogram.edges];
  const counts = [...histogram.counts];
  const { below, above } = histogram;
  return fixedEdges ? { edges, counts, below, above } : { edges, counts };
}
