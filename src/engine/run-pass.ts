import type { Graph } from "../graph/graph.ts";
import { groupedDigits } from "../graph/grouped-digits.ts";
import { InputError } from "../graph/input-error.ts";
import { checkedOptions } from "../passes/options.ts";
import type { Pass, PassOptions, PassResult } from "../passes/pass.ts";
import type { DataOptions } from "../protocol/data-options.ts";
import type { PassRequest } from "../protocol/engine.ts";
import type { Certificate, PassReport } from "../protocol/reports.ts";
import { needsData } from "../protocol/technique-options.ts";
import type { CertifyRequest } from "./certificate/certificate.ts";
import type { RequestContext } from "./context.ts";
import { graphCount } from "./graph-count.ts";

export interface AppliedPass {
  readonly graph: Graph;
  readonly report: PassReport;
}

/**
 * Applies one pass and, when it promises the same function and verify is set, certifies it.
 *
 * The elapsed time covers both.
 */
export async function runPass(
  graph: Graph,
  pass: Pass,
  request: Omit<PassRequest, "pass">,
  context: RequestContext,
): Promise<AppliedPass> {
  const start = performance.now();
  const options = checkedOptions(pass, request.options);
  const result = await changedBy(pass, graph, { ...request, options }, context);
  const compareOn = request.certificateData ?? request.data;
  const promises = pass.preserves(options) !== "nothing" && result.applied.length > 0;
  const certificate =
    request.verify && promises
      ? await certified(graph, result, { ...request, data: compareOn }, context)
      : undefined;
  const report: PassReport = {
    pass: pass.id,
    title: pass.title,
    label: labelOf(pass, graph, options, result),
    applied: result.applied,
    skipped: result.skipped,
    before: graphCount(graph),
    after: graphCount(result.graph),
    ...(result.statement === undefined ? {} : { statement: result.statement }),
    ...(result.tables === undefined ? {} : { tables: result.tables }),
    ...(certificate === undefined ? {} : { certificate }),
    elapsedMs: performance.now() - start,
  };
  return { graph: result.graph, report };
}

/** What compares two models is loaded when it is needed, as is what runs a model on data. */
async function certified(
  before: Graph,
  { graph: after, siteOutputs, reconditions }: PassResult,
  { data, dataOptions }: Pick<CertifyRequest, "dataOptions"> & { data: string | undefined },
  { signal, progress }: RequestContext,
): Promise<Certificate> {
  const { certify } = await import("./certificate/certificate.ts");
  const { loadRuntime } = await import("../runtime/onnx-runtime.ts");
  return certify({
    before,
    after,
    siteOutputs,
    reconditioned: reconditions === true,
    runtime: await loadRuntime(),
    signal,
    onProgress: progress,
    ...(data === undefined ? {} : { data }),
    ...(dataOptions === undefined ? {} : { dataOptions }),
  });
}

/** "Fold bn1 into conv1" for one place, "Fold BatchNorm (53 nodes)" for more: what Undo shows. */
function labelOf(pass: Pass, graph: Graph, options: PassOptions, { applied }: PassResult): string {
  const [first] = applied;
  if (first === undefined) return pass.title;
  if (applied.length > 1) return `${pass.title} (${groupedDigits(applied.length)} nodes)`;
  const site = pass.find(graph, options).find(({ id }) => id === first.node);
  return site?.applicable === true ? site.title : `${pass.title}: ${first.node}`;
}

/**
 * What a pass makes of a graph, measured on data where it can be and data is given. The same request
 * gives the same graph, so that edits can be replayed.
 *
 * @param request with checked options.
 * @throws InputError where data is needed and none is given.
 */
export async function changedBy(
  pass: Pass,
  graph: Graph,
  request: {
    readonly sites?: readonly string[] | undefined;
    readonly options: PassOptions;
    readonly data?: string | undefined;
    readonly dataOptions?: Partial<DataOptions> | undefined;
  },
  context: RequestContext,
): Promise<PassResult> {
  const { sites, options, data, dataOptions } = request;
  if (data === undefined && needsData(pass, options)) {
    throw new InputError(`${pass.id}: data to measure on is needed (${shown(options)})`);
  }
  if (data === undefined || pass.applyOnData === undefined) {
    return pass.apply(graph, sites, options);
  }
  const { openSampleRuns } = await import("./sample-runs.ts");
  const samples = await openSampleRuns(data, context, graph, dataOptions);
  return pass.applyOnData(graph, sites, options, samples);
}

function shown(options: PassOptions): string {
  const settings = Object.entries(options).map(([name, value]) => `${name} ${value}`);
  return settings.length === 0 ? "always" : `with ${settings.join(", ")}`;
}
