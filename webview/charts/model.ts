import type { ColorName } from "../theme/palette.ts";

/** What a chart shows, as data: drawn on a canvas, read as a table, said as a sentence. */

export interface LinePoint {
  readonly x: number;
  /** NaN leaves a gap. */
  readonly y: number;
}

export interface LineSeries {
  readonly id: string;
  readonly name: string;
  readonly color: ColorName;
  readonly dashed: boolean;
  readonly marker: "circle" | "triangle" | "none";
  readonly points: readonly LinePoint[];
  /** Drawn thin and pale, for what stands behind the main line. */
  readonly faint?: boolean;
  /** Fills the area down to the series with this id. */
  readonly fillTo?: string;
}

/** A word on the line itself: a marked point, or a vertical line where y is left out. */
export interface Annotation {
  readonly x: number;
  readonly y?: number;
  readonly label: string;
  readonly color: ColorName;
}

export interface LineModel {
  readonly title: string;
  /** The sentence for those who do not see the chart. */
  readonly description: string;
  readonly xName: string;
  readonly yName: string;
  readonly series: readonly LineSeries[];
  readonly annotations: readonly Annotation[];
  readonly logarithmic: boolean;
  /** Fixed ends of the x axis, so that a growing run does not shift what is drawn. */
  readonly xRange?: readonly [number, number];
  readonly yRange?: readonly [number, number];
}

export interface HistogramModel {
  readonly title: string;
  readonly description: string;
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  readonly below: number;
  readonly above: number;
}

/** How many samples of each class there are in each part. */
export interface ClassModel {
  readonly title: string;
  readonly description: string;
  readonly classes: readonly string[];
  readonly parts: readonly { readonly name: string; readonly counts: readonly number[] }[];
}

/** One line an epoch, all over the same edges. */
export interface RidgeModel {
  readonly title: string;
  readonly description: string;
  readonly edges: readonly number[];
  readonly rows: readonly RidgeRow[];
  /** Largest share in any bin of any row: the scale that all rows share. */
  readonly peak: number;
}

export interface RidgeRow {
  readonly epoch: number;
  /** Share of all finite values in each bin. */
  readonly shares: readonly number[];
  readonly below: number;
  readonly above: number;
}

export interface DataTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (number | string)[])[];
}
