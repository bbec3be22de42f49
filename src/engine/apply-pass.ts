import { performance } from "node:perf_hooks";
import type { Graph } from "../graph/graph.ts";
import { findPass } from "../passes/registry.ts";
import type { PassRequest } from "../protocol/engine.ts";
import type { PassReport } from "../protocol/reports.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { certify } from "./certificate/certificate.ts";
import type { RequestContext } from "./context.ts";
import { graphCount } from "./model-report.ts";

export interface AppliedPass {
  readonly graph: Graph;
  readonly report: PassReport;
}

/**
 * Applies one pass and, when it promises the same function and verify is set, certifies it.
 *
 * The elapsed time covers both.
 */
export async function applyPass(
  graph: Graph,
  request: PassRequest,
  context: RequestContext,
): Promise<AppliedPass> {
  const start = performance.now();
  const pass = findPass(request.pass);
  const result = pass.apply(graph, request.sites, request.options ?? {});
  const promises = pass.preserves !== "nothing" && result.applied.length > 0;
  const certificate =
    request.verify && promises
      ? await certify({
          before: graph,
          after: result.graph,
          siteOutputs: result.siteOutputs,
          runtime: await loadRuntime(),
          signal: context.signal,
          onProgress: context.progress,
          ...(request.data === undefined ? {} : { data: request.data }),
        })
      : undefined;
  const report: PassReport = {
    pass: pass.id,
    applied: result.applied,
    skipped: result.skipped,
    before: graphCount(graph),
    after: graphCount(result.graph),
    ...(certificate === undefined ? {} : { certificate }),
    elapsedMs: performance.now() - start,
  };
  return { graph: result.graph, report };
}
