import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import {
  type ChannelShift,
  channelShifts,
  largestShifts,
  shiftTable,
} from "../passes/batch-norm-shift.ts";
import {
  batchNormCandidates,
  type MeasuredBatchNorm,
  measureBatchNorms,
} from "../passes/batch-norm-statistics.ts";
import { VARIANCE_OPTION } from "../passes/measured-channels.ts";
import { type PassOptions, siteId } from "../passes/pass.ts";
import { isRefusal } from "../passes/refusal.ts";
import type { SampleRuns } from "../passes/sample-runs.ts";
import { jsonNumber, type ReportTable } from "../protocol/reports.ts";
import type { Analysis } from "./analysis.ts";

/**
 * How far the statistics that each BatchNorm normalizes with at inference are from the data's: the
 * shift between training and serving. Each BatchNorm is measured with those before it corrected, so
 * that a shift counts where it arises and not at everything behind it.
 */
export const batchNormShift: Analysis = {
  id: "batch-norm-shift",
  title: "BatchNorm: stored statistics against the data's",
  description: "Compares each BatchNorm's running mean and variance with those of the data.",
  options: [
    {
      name: "threshold",
      kind: "number",
      default: 0.5,
      minimum: 0,
      description:
        "A channel is shifted where its mean is this many stored deviations off, or the logarithm of its variance ratio is as large.",
    },
    VARIANCE_OPTION,
  ],
  data: "always",
  run,
};

async function run(graph: Graph, options: PassOptions, samples: SampleRuns | undefined) {
  if (samples === undefined) throw new InputError("batch-norm-shift: data is needed");
  const candidates = batchNormCandidates(graph);
  const batchNorms = candidates.flatMap(({ plan }) => (isRefusal(plan) ? [] : [plan]));
  const left = candidates.flatMap(({ node, plan }) =>
    isRefusal(plan) ? [`${siteId(node)} was left out. ${plan.reason}`] : [],
  );
  if (batchNorms.length === 0) {
    return { sentences: ["The model has no BatchNorm to compare with data.", ...left], tables: [] };
  }
  const variance = options.variance === "population" ? "population" : "unbiased";
  const measured = await measureBatchNorms(graph, batchNorms, samples, variance);
  const shifts = channelShifts(measured.batchNorms);
  const threshold = Number(options.threshold);
  const shifted = shifts.filter(({ score }) => score > threshold);
  return {
    sentences: [
      answer(shifts, shifted, samples.name, threshold),
      "Each BatchNorm was measured with those before it corrected, so a shift counts where it arises.",
      ...left,
    ],
    tables: [byBatchNorm(measured.batchNorms, shifts, shifted), shiftTable(shifts, samples.name)],
  };
}

function answer(
  shifts: readonly ChannelShift[],
  shifted: readonly ChannelShift[],
  data: string,
  threshold: number,
): string {
  const largest = largestShifts(shifts);
  if (shifted.length === 0) {
    return `The stored statistics fit ${data}: no channel is over the threshold ${threshold}. At most they differ in ${largest}.`;
  }
  const names = [...new Set(shifted.map(({ batchNorm }) => batchNorm))];
  const channels = shifted.length === 1 ? "1 channel" : `${shifted.length} channels`;
  const over = shifted.length === 1 ? "is" : "are";
  return `The stored statistics do not fit ${data}: ${channels} of ${named(names)} ${over} over the threshold ${threshold}. At most they differ in ${largest}.`;
}

/** Most names that a sentence lists. */
const NAMED = 5;

function named(names: readonly string[]): string {
  const rest = names.length - NAMED;
  return rest > 0 ? `${names.slice(0, NAMED).join(", ")} and ${rest} more` : names.join(", ");
}

/** One row a BatchNorm, in the order in which they were measured. */
function byBatchNorm(
  batchNorms: readonly MeasuredBatchNorm[],
  shifts: readonly ChannelShift[],
  shifted: readonly ChannelShift[],
): ReportTable {
  const worst = new Map<string, { mean: number; variance: number }>();
  for (const { batchNorm, meanShift, logVarianceRatio } of shifts) {
    const { mean, variance } = worst.get(batchNorm) ?? { mean: 0, variance: 0 };
    worst.set(batchNorm, {
      mean: Math.max(mean, meanShift),
      variance: Math.max(variance, Math.abs(logVarianceRatio)),
    });
  }
  const counts = new Map<string, number>();
  for (const { batchNorm } of shifted) counts.set(batchNorm, (counts.get(batchNorm) ?? 0) + 1);
  return {
    title: "Shifted channels of each BatchNorm",
    columns: [
      "BatchNorm",
      "channels",
      "shifted",
      "largest mean shift (deviations)",
      "largest log variance ratio",
      "numbers a channel",
    ],
    rows: batchNorms.map(({ batchNorm, measured }) => {
      const id = siteId(batchNorm.node);
      const { mean, variance } = worst.get(id) ?? { mean: 0, variance: 0 };
      return [
        id,
        batchNorm.channels,
        counts.get(id) ?? 0,
        jsonNumber(mean),
        jsonNumber(variance),
        measured.count,
      ];
    }),
  };
}
