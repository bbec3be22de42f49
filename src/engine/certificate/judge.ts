import { jsonNumber, type OutputDifference } from "../../protocol/reports.ts";
import type { RuntimeTensor } from "../../runtime/runtime.ts";
import { type Comparison, compareTensors, isDiscrete } from "./compare.ts";
import {
  explainedByChangedForm,
  explainedByRounding,
  explainedElsewhere,
  toleranceOf,
} from "./rounding.ts";
import type { Trial } from "./trial-inputs.ts";

/** The largest difference somewhere, beside the magnitudes to hold it against. */
export interface Difference {
  readonly difference: number;
  /** Largest magnitude of the original. */
  readonly scale: number;
  /** Largest difference that rounding explains. */
  readonly explained: number;
  /** Where it occurs: flat row-major index. */
  readonly index: number;
}

/** How one value fared on one trial. */
export interface Judgement {
  readonly name: string;
  readonly trial: string;
  /** Set when there is nothing to subtract: "has shape [2] instead of [3]". */
  readonly mismatch: string | undefined;
  /** Labels, indices and masks follow from numbers whose order rounding may turn. */
  readonly discrete: boolean;
  /** The channel that uses most of its tolerance. */
  readonly channel: Difference & { readonly number: number };
  /** The tensor taken together. */
  readonly whole: Difference;
  /** The channel's difference over its tolerance: above 1 is not explained. */
  readonly excess: number;
}

/** Two values of one trial and what rounding explains of them. */
export interface Evidence {
  readonly name: string;
  readonly trial: Trial;
  readonly before: RuntimeTensor;
  readonly after: RuntimeTensor | undefined;
  /** The original against its moved copies. */
  readonly moved: readonly Comparison[];
  /** The moved copies ran on another trial: what they say is taken relative to the scale. */
  readonly borrowed?: boolean;
  /** What the changed form rounds, where it is conditioned otherwise than the original. */
  readonly changedForm?: ChangedForm | undefined;
  /** Magnitude of the numbers that are added up in each channel, where it is known. */
  readonly summands?: Float64Array | undefined;
}

export interface ChangedForm {
  /** The changed model against its moved copies. */
  readonly moved: readonly Comparison[];
  /** The largest magnitude of each channel of the original on any trial. */
  readonly scale: Float64Array;
}

const NOTHING = { difference: 0, scale: 0, explained: 0, index: 0 };

export function judge(evidence: Evidence): Judgement {
  const { name, trial, before, after, moved, summands } = evidence;
  const about = { name, trial: trial.name, discrete: isDiscrete(before) };
  const compared = after === undefined ? "is missing" : compareTensors(before, after);
  if (typeof compared === "string") {
    const channel = { ...NOTHING, number: 0 };
    return {
      ...about,
      mismatch: compared,
      channel,
      whole: NOTHING,
      excess: Number.POSITIVE_INFINITY,
    };
  }
  const original = evidence.borrowed
    ? explainedElsewhere(moved, compared.scale)
    : explainedByRounding(moved, compared.scale.length, trial.constant);
  const explained =
    evidence.changedForm === undefined
      ? original
      : explainedByChangedForm(original, evidence.changedForm, trial.constant);
  const channels = Array.from(explained, (value, number): Judgement["channel"] => ({
    number,
    difference: compared.difference[number] as number,
    scale: compared.scale[number] as number,
    explained: value,
    index: compared.where[number] as number,
  }));
  const tensorScale = largest(channels, (channel) => channel.scale)?.scale ?? 0;
  const excessOf = ({ difference, explained, scale, number }: Judgement["channel"]) => {
    if (difference === 0) return 0;
    const channelScale = scale + (summands?.[number] ?? 0);
    return difference / toleranceOf(explained, channelScale, tensorScale, before.type);
  };
  const worst = largest(channels, excessOf) ?? { ...NOTHING, number: 0 };
  const widest = largest(channels, (channel) => channel.difference) ?? NOTHING;
  const whole = {
    difference: widest.difference,
    scale: tensorScale,
    explained: largest(channels, (channel) => channel.explained)?.explained ?? 0,
    index: widest.index,
  };
  return { ...about, mismatch: undefined, channel: worst, whole, excess: excessOf(worst) };
}

/** The element with the largest measure, the first of equals. */
export function largest<Item>(
  items: readonly Item[],
  measure: (item: Item) => number,
): Item | undefined {
  let best: Item | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const item of items) {
    const value = measure(item);
    if (value > most) {
      best = item;
      most = value;
    }
  }
  return best;
}

export function isExplained(judgement: Judgement): boolean {
  return judgement.excess <= 1;
}

/** A difference over the scale it is seen against. */
export function relative({ difference, scale }: Difference): number {
  return difference === 0 ? 0 : difference / scale;
}

/** One line of a report. */
export function reportLine({ name, trial }: Judgement, seen: Difference): OutputDifference {
  return {
    name,
    maxAbs: jsonNumber(seen.difference),
    maxRelative: jsonNumber(relative(seen)),
    roundingRelative: jsonNumber(seen.explained === 0 ? 0 : seen.explained / seen.scale),
    input: trial,
    index: seen.index,
  };
}
