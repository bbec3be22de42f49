import type { DataPartName } from "../../protocol/data-report.ts";
import type { Moments } from "../../statistics/moments.ts";
import type { Dataset } from "../dataset.ts";
import type { Split } from "../split.ts";
import type { EqualSamples } from "./equal-samples.ts";
import type { ValueGroups } from "./value-groups.ts";

/** The parts in their order. */
export const PARTS: readonly DataPartName[] = ["train", "validation", "test"];

/** What a model says about the samples it is made for. */
export interface ModelExpectation {
  /** Whether its first operator brings inputs into another range, as Rescaling and BatchNorm do. */
  readonly scalesInputs: boolean;
  /** Its first BatchNorm's stored statistics against those of training samples, the worst channel. */
  readonly shift?: {
    readonly batchNorm: string;
    /** From 0. */
    readonly channel: number;
    readonly stored: { readonly mean: number; readonly variance: number };
    readonly measured: { readonly mean: number; readonly variance: number };
    /** |measured mean − stored mean| in stored standard deviations. */
    readonly meanShift: number;
    /** ln(measured variance / stored variance). */
    readonly logVarianceRatio: number;
  };
  /** Why the two could not be compared. */
  readonly notCompared?: string;
}

/** What the warnings are taken from. */
export interface ExaminedData {
  readonly dataset: Dataset;
  readonly split: Split;
  readonly groups: ValueGroups;
  /** Of each part, the moments of each group. */
  readonly moments: Readonly<Record<DataPartName, readonly Moments[]>>;
  readonly equal: EqualSamples;
  /** The first row with a number that is not finite. */
  readonly firstNotFinite: number | undefined;
  /** Of each part, the samples of each class; empty without classes. */
  readonly classCounts: Readonly<Record<DataPartName, Int32Array>>;
  /** Whether a run brings the samples into another range. */
  readonly isScaled: boolean;
  readonly model: ModelExpectation | undefined;
}
