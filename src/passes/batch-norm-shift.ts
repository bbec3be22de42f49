import { jsonNumber, type ReportTable } from "../protocol/reports.ts";
import type { MeasuredBatchNorm } from "./batch-norm-statistics.ts";
import { siteId } from "./pass.ts";

/** How far the stored statistics of one channel are from the data's. */
export interface ChannelShift {
  readonly batchNorm: string;
  readonly channel: number;
  readonly stored: { readonly mean: number; readonly variance: number };
  readonly measured: { readonly mean: number; readonly variance: number };
  /** |m − μ|/√(σ² + ε): in stored standard deviations, as the BatchNorm divides by them. */
  readonly meanShift: number;
  /** ln((s² + ε)/(σ² + ε)), positive where the data varies more than is stored. */
  readonly logVarianceRatio: number;
  /** The larger of meanShift and |logVarianceRatio|; infinite where what is stored is no number. */
  readonly score: number;
}

/** Every channel, the worst first. */
export function channelShifts(batchNorms: readonly MeasuredBatchNorm[]): readonly ChannelShift[] {
  const shifts = batchNorms.flatMap(({ batchNorm, measured }) =>
    Array.from(measured.mean, (_, channel) => channelShift({ batchNorm, measured }, channel)),
  );
  return shifts.sort((a, b) => order(b.score, a.score));
}

/** Infinities are equal, though their difference is not a number. */
function order(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

function channelShift({ batchNorm, measured }: MeasuredBatchNorm, channel: number): ChannelShift {
  const at = (values: Float64Array) => values[channel] as number;
  const { epsilon } = batchNorm;
  const stored = { mean: at(batchNorm.mean), variance: at(batchNorm.variance) };
  const found = { mean: at(measured.mean), variance: at(measured.variance) };
  const meanShift =
    stored.mean === found.mean
      ? 0
      : Math.abs(found.mean - stored.mean) / Math.sqrt(stored.variance + epsilon);
  const logVarianceRatio =
    stored.variance === found.variance
      ? 0
      : Math.log((found.variance + epsilon) / (stored.variance + epsilon));
  const score = Math.max(meanShift, Math.abs(logVarianceRatio));
  return {
    batchNorm: siteId(batchNorm.node),
    channel,
    stored,
    measured: found,
    meanShift,
    logVarianceRatio,
    score: Number.isNaN(score) ? Number.POSITIVE_INFINITY : score,
  };
}

export function shiftTable(shifts: readonly ChannelShift[], data: string): ReportTable {
  return {
    title: `Stored statistics against those of ${data}, the worst channel first`,
    columns: [
      "BatchNorm",
      "channel",
      "stored mean",
      "stored variance",
      "measured mean",
      "measured variance",
      "mean shift (deviations)",
      "log variance ratio",
    ],
    rows: shifts.map((shift) => [
      shift.batchNorm,
      shift.channel,
      jsonNumber(shift.stored.mean),
      jsonNumber(shift.stored.variance),
      jsonNumber(shift.measured.mean),
      jsonNumber(shift.measured.variance),
      jsonNumber(shift.meanShift),
      jsonNumber(shift.logVarianceRatio),
    ]),
  };
}

/**
 * The largest shifts in words, for example "a mean by 4.96 stored standard deviations (bn2, channel
 * 4) and a variance by a factor of 2.1 (bn1, channel 3)".
 */
export function largestShifts(all: readonly ChannelShift[]): string {
  const shifts = all.filter(isNumber);
  const [broken, ...others] = all.filter((shift) => !isNumber(shift));
  const most = shifts.length === 0 ? undefined : largestNumbers(shifts);
  if (broken === undefined) return most ?? "nothing";
  const { mean, variance } = broken.stored;
  const count = others.length === 0 ? "one channel" : `${others.length + 1} channels`;
  const first = `${place(broken)} had a mean of ${mean} and a variance of ${variance}`;
  return `${most === undefined ? "" : `${most}, and in `}${count} by no number at all: ${first}`;
}

/** Whether what was stored can be compared: neither NaN nor infinite, the variance not negative. */
function isNumber({ meanShift, logVarianceRatio }: ChannelShift): boolean {
  return Number.isFinite(meanShift) && Number.isFinite(logVarianceRatio);
}

function largestNumbers(shifts: readonly ChannelShift[]): string {
  const mean = worst(shifts, ({ meanShift }) => meanShift);
  const variance = worst(shifts, ({ logVarianceRatio }) => Math.abs(logVarianceRatio));
  const deviations = shown(mean.meanShift);
  const factor = shown(Math.exp(variance.logVarianceRatio));
  return `a mean by ${deviations} stored standard deviations (${place(mean)}) and a variance by a factor of ${factor} (${place(variance)})`;
}

/** Three digits; what is below a millionth is rounding. */
function shown(value: number): string {
  return Math.abs(value) < 1e-6 ? "0" : String(Number(value.toPrecision(3)));
}

function place({ batchNorm, channel }: ChannelShift): string {
  return `${batchNorm}, channel ${channel}`;
}

/** The first of the largest. */
function worst(
  shifts: readonly ChannelShift[],
  size: (shift: ChannelShift) => number,
): ChannelShift {
  return shifts.reduce((largest, shift) => (size(shift) > size(largest) ? shift : largest));
}
