import type { HistogramReport, JsonNumber } from "./reports.ts";

export type DataPartName = "train" | "validation" | "test";

/** What a data set holds: the JSON of `normlens data` and the preview page. */
export interface DataReport {
  readonly name: string;
  readonly samples: number;
  /** Of one sample, without the batch dimension. */
  readonly sampleShape: readonly number[];
  readonly targets: "classes" | "numbers" | "none";
  /** Number of classes; classes has the first 1,000. */
  readonly classCount: number;
  readonly classes: readonly ClassReport[];
  /** Whether the source has a test or validation part of its own. */
  readonly ownParts: boolean;
  readonly parts: Readonly<Record<DataPartName, number>>;
  /** All numbers of all samples. */
  readonly values: NumbersReport & { readonly histogram: HistogramReport };
  readonly groupKind: "channel" | "feature" | "whole";
  /** Number of channels or features; groups has the first 1,000. */
  readonly groupCount: number;
  readonly groups: readonly (NumbersReport & { readonly name: string })[];
  /** Some of each class, the same for the same seed. */
  readonly shown: readonly ShownSample[];
  readonly warnings: readonly DataWarning[];
}

export interface ClassReport {
  readonly name: string;
  /** Samples in each part. */
  readonly parts: Readonly<Record<DataPartName, number>>;
}

/** Numbers of all parts together; mean, deviation and bounds are of the finite ones. */
export interface NumbersReport {
  readonly mean: JsonNumber;
  /** Population standard deviation. */
  readonly std: JsonNumber;
  readonly min: JsonNumber;
  readonly max: JsonNumber;
  readonly nan: number;
  readonly inf: number;
}

export interface DataWarning {
  /** The rule, for example "leakage". */
  readonly rule: string;
  readonly message: string;
  /** Samples, classes, features or numbers that it is about. */
  readonly count: number;
}

/** One sample as something to look at. */
export interface ShownSample {
  /** From 1. */
  readonly row: number;
  /** Its file, or "row 7". */
  readonly name: string;
  /** Absent for a sample that is in none. */
  readonly part?: DataPartName;
  /** The class' name, or the numbers; absent without targets. */
  readonly target?: string;
  readonly view: SampleView;
}

export type SampleView =
  | {
      readonly kind: "image";
      readonly width: number;
      readonly height: number;
      readonly channels: 1 | 3;
      /** Row by row, the channels of a pixel together: a byte each, in base 64; the data's range is 0 … 255. */
      readonly pixels: string;
    }
  | {
      readonly kind: "sound";
      readonly seconds: number;
      /** The smallest and the largest number of each stretch of equal length. */
      readonly low: readonly JsonNumber[];
      readonly high: readonly JsonNumber[];
    }
  | {
      readonly kind: "numbers";
      /** The first 32. */
      readonly values: readonly JsonNumber[];
      /** How many a sample has. */
      readonly count: number;
    };
