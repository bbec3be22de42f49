import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { channelShifts, largestShifts, shiftTable } from "./batch-norm-shift.ts";
import { batchNormCandidates, measureBatchNorms } from "./batch-norm-statistics.ts";
import { sitesOf } from "./candidates.ts";
import { VARIANCE_OPTION, type VarianceKind } from "./measured-channels.ts";
import { type Pass, type PassOptions, type PassResult, siteId } from "./pass.ts";
import { isRefusal } from "./refusal.ts";
import type { SampleRuns } from "./sample-runs.ts";
import { requireSites } from "./sites.ts";

/**
 * Puts the data's mean and variance in place of each BatchNorm's running ones, as the paper's
 * inference network has them (batch-norm-statistics.ts says how they are measured). The model
 * computes another function after it, the one that was trained if the running statistics were off.
 */
export const recalibrateBatchNorm: Pass = {
  id: "recalibrate-batch-norm",
  title: "Recalibrate BatchNorm",
  description: "Measures the mean and variance of each BatchNorm's input on data and stores them.",
  options: [VARIANCE_OPTION],
  data: "always",
  preserves: () => "nothing",
  find: (graph) => sitesOf(batchNormCandidates(graph), (_, id) => ({ title: `Recalibrate ${id}` })),
  apply: () => {
    throw new InputError("recalibrate-batch-norm: data to measure on is needed");
  },
  applyOnData,
};

async function applyOnData(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
  samples: SampleRuns,
): Promise<PassResult> {
  const wanted = requireSites(recalibrateBatchNorm, graph, sites, options);
  const chosen = batchNormCandidates(graph).filter(({ node }) => wanted(siteId(node)));
  const batchNorms = chosen.flatMap(({ plan }) => (isRefusal(plan) ? [] : [plan]));
  const skipped = chosen.flatMap(({ node, plan }) =>
    isRefusal(plan) ? [{ node: siteId(node), reason: plan.reason }] : [],
  );
  if (batchNorms.length === 0) return { graph, applied: [], skipped, siteOutputs: [] };
  const variance: VarianceKind = options.variance === "population" ? "population" : "unbiased";
  const result = await measureBatchNorms(graph, batchNorms, samples, variance);
  const shifts = channelShifts(result.batchNorms);
  return {
    graph: result.graph,
    applied: batchNorms.map(({ node }) => ({ node: siteId(node), into: siteId(node) })),
    skipped,
    siteOutputs: [],
    statement: `The statistics are those of ${samples.count} samples of ${samples.name}. At most, those stored before differed in ${largestShifts(shifts)}.`,
    tables: [shiftTable(shifts, samples.name)],
  };
}
