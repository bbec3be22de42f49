import { performance } from "node:perf_hooks";
import { findAnalysis } from "../analyses/registry.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { checkedOptions } from "../passes/options.ts";
import type { AnalysisRequest } from "../protocol/engine.ts";
import type { AnalysisReport } from "../protocol/reports.ts";
import { needsData } from "../protocol/technique-options.ts";
import type { RequestContext } from "./context.ts";
import { openSampleRuns } from "./sample-runs.ts";

/** @throws InputError where data is needed and none is given. */
export async function analyze(
  graph: Graph,
  request: AnalysisRequest,
  context: RequestContext,
): Promise<AnalysisReport> {
  const start = performance.now();
  const analysis = findAnalysis(request.analysis);
  const options = checkedOptions(analysis, request.options);
  if (request.data === undefined && needsData(analysis, options)) {
    throw new InputError(`${analysis.id}: data to measure on is needed`);
  }
  const samples =
    request.data === undefined
      ? undefined
      : await openSampleRuns(request.data, context, graph, request.dataOptions);
  const { sentences, tables } = await analysis.run(graph, options, samples);
  return {
    analysis: analysis.id,
    title: analysis.title,
    sentences,
    tables,
    elapsedMs: performance.now() - start,
  };
}
