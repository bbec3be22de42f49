import { GraphBuilder } from "../graph/builder.ts";
import { changeGraph, takenNames } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { DEFAULT_ITERATIONS, MOST_ITERATIONS } from "../operators/whitening.ts";
import { jsonNumber, type ReportTable } from "../protocol/reports.ts";
import { ChannelCovariance } from "../statistics/channel-covariance.ts";
import { sitesOf } from "./candidates.ts";
import { withFloat32 } from "./measured-channels.ts";
import { type Pass, type PassOptions, type PassResult, type SiteOutput, siteId } from "./pass.ts";
import { isRefusal } from "./refusal.ts";
import type { SampleRuns } from "./sample-runs.ts";
import { requireSites } from "./sites.ts";
import { whitenedLayer } from "./whitening-nodes.ts";
import { type WhiteningMode, type WhiteningPlace, whiteningCandidates } from "./whitening-sites.ts";
import { type WhiteningTransform, whiteningTransform } from "./whitening-transform.ts";

/**
 * Puts x̂ = Cov(x)^(−1/2)·(x − E[x]), measured on data, in front of linear layers: the full
 * normalization of which BatchNorm is the diagonal. Where its inverse goes into the layer, the
 * function stays, and the layer from then on sees uncorrelated features of variance 1.
 */
export const insertWhitening: Pass = {
  id: "insert-whitening",
  title: "Insert whitening",
  description: "Puts Cov(x)^(−1/2)·(x − E[x]), measured on data, in front of linear layers.",
  options: [
    {
      name: "mode",
      kind: "choice",
      default: "fold",
      choices: ["fold", "keep"],
      description:
        "fold puts the inverse into the layer, so that the function stays; keep leaves the layer as it is, for training.",
    },
    {
      name: "layers",
      kind: "text",
      default: "first",
      description: 'In front of which linear layers: "first", "all", or names with commas between.',
    },
    {
      name: "epsilon",
      kind: "number",
      default: 1e-5,
      minimum: 0,
      maximum: 1,
      description: "What is added to each eigenvalue, as a share of the largest.",
    },
    {
      name: "iterations",
      kind: "number",
      default: DEFAULT_ITERATIONS,
      minimum: 1,
      maximum: MOST_ITERATIONS,
      description:
        "Newton-Schulz iterations by which training whitens with the batch's covariance.",
    },
  ],
  data: "always",
  preserves: ({ mode }) => (mode === "keep" ? "nothing" : "function"),
  find: (graph, options) =>
    sitesOf(whiteningCandidates(graph, modeOf(options)), (_, id) => ({
      title: `Whiten the input of ${id}`,
    })),
  apply: () => {
    throw new InputError("insert-whitening: data to measure the covariance on is needed");
  },
  applyOnData,
};

function modeOf({ mode }: PassOptions): WhiteningMode {
  return mode === "keep" ? "keep" : "fold";
}

/** The layers that the sites name; those of the option where no sites are given. */
function chosen(graph: Graph, sites: readonly string[] | undefined, options: PassOptions) {
  const candidates = whiteningCandidates(graph, modeOf(options));
  const layers = String(options.layers ?? "first");
  if (sites === undefined && layers === "first") return candidates.slice(0, 1);
  const named = layers === "all" ? undefined : layers.split(",").map((name) => name.trim());
  const wanted = requireSites(insertWhitening, graph, sites ?? named, options);
  return candidates.filter(({ node }) => wanted(siteId(node)));
}

/**
 * One layer after the other: in mode "keep" a layer's input depends on the whitening before it.
 */
async function applyOnData(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
  samples: SampleRuns,
): Promise<PassResult> {
  const mode = modeOf(options);
  const iterations = Number(options.iterations);
  if (!Number.isInteger(iterations)) {
    throw new InputError(
      `insert-whitening: option iterations is ${iterations}; a whole number is needed`,
    );
  }
  const builder = new GraphBuilder(takenNames(graph));
  const applied: { node: string; into: string }[] = [];
  const skipped: { node: string; reason: string }[] = [];
  const siteOutputs: SiteOutput[] = [];
  const measured: [WhiteningPlace, WhiteningTransform][] = [];
  let changed = graph;
  for (const { node: layer, plan: place } of chosen(graph, sites, options)) {
    const id = siteId(layer);
    if (isRefusal(place)) {
      skipped.push({ node: id, reason: place.reason });
      continue;
    }
    const covariance = await measure(changed, place, samples);
    const words = { value: place.value, data: samples.name };
    const transform = whiteningTransform(covariance, Number(options.epsilon), words);
    const result = whitenedLayer(changed, place, transform, { mode, iterations }, builder);
    if (isRefusal(result)) {
      skipped.push({ node: id, reason: result.reason });
      continue;
    }
    changed = changeGraph(changed, result);
    measured.push([place, transform]);
    applied.push({ node: id, into: result.whitening });
    const output = layer.output[0] ?? "";
    if (mode === "fold") siteOutputs.push({ site: id, before: output, after: output });
  }
  const tables = measured.length === 0 ? [] : [spectra(measured, samples.name)];
  const report = { graph: changed, applied, skipped, siteOutputs, tables, reconditions: true };
  return mode === "fold" || applied.length === 0
    ? report
    : { ...report, statement: statement(applied.map(({ node }) => node)) };
}

async function measure(graph: Graph, { value, features }: WhiteningPlace, samples: SampleRuns) {
  const covariance = new ChannelCovariance(features);
  const { graph: readable, names } = withFloat32(graph, [value]);
  const name = names.get(value) ?? value;
  await samples.run(readable, [name], (batch) => {
    const read = batch.values.get(name);
    if (read !== undefined) covariance.add(read.dims, read.data);
  });
  return covariance.result();
}

function statement(layers: readonly string[]): string {
  const list = layers.length === 1 ? layers[0] : `${layers.length} layers`;
  return `The input of ${list} is whitened and the weights are as they were, so the function is another: the model is to be trained.`;
}

function spectra(
  measured: readonly (readonly [WhiteningPlace, WhiteningTransform])[],
  data: string,
): ReportTable {
  return {
    title: `Covariance on ${data}`,
    columns: [
      "layer",
      "value",
      "features",
      "numbers a feature",
      "largest eigenvalue",
      "smallest eigenvalue",
      "largest correlation",
    ],
    rows: measured.map(([{ layer, value, features }, transform]) => [
      siteId(layer),
      value,
      features,
      transform.count,
      jsonNumber(transform.largestEigenvalue),
      jsonNumber(transform.smallestEigenvalue),
      jsonNumber(transform.largestCorrelation),
    ]),
  };
}
