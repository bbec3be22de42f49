import type { Graph } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import { elementCount } from "../../graph/tensor.ts";
import { inferShapes } from "../../operators/infer-shapes.ts";
import {
  affineForm,
  isBatchNormalization,
  readParameters,
} from "../../passes/batch-normalization.ts";
import type { SiteOutput } from "../../passes/pass.ts";
import { isRefusal } from "../../passes/refusal.ts";
import type { RuntimeTensor, Tensors } from "../../runtime/runtime.ts";
import { type Comparison, compareTensors } from "./compare.ts";
import { cutAt, withOutputs } from "./instrument.ts";
import { type Judgement, judge } from "./judge.ts";
import { movedByRounding, movedFeeds } from "./moved-copy.ts";
import { type RunContext, withModel } from "./runs.ts";
import type { Trial } from "./trial-inputs.ts";

/** Values of all sites that are held at a time; more sites are checked in several turns. */
const MOST_HELD_ELEMENTS = 2 ** 26;

/** Counted for a value whose shape is not known. */
const UNKNOWN_ELEMENTS = 2 ** 20;

export interface SiteRequest {
  readonly before: Graph;
  readonly after: Graph;
  readonly sites: readonly SiteOutput[];
  readonly trials: readonly Trial[];
  /** Number of moved copies of the original. */
  readonly draws: number;
}

/**
 * Compares both graphs at each changed place, both given the values that the original computed for
 * all other places. What is left is the rounding of one layer, so that one channel's small error
 * shows in a network of any depth.
 */
export async function checkSites(
  context: RunContext,
  request: SiteRequest,
): Promise<readonly Judgement[]> {
  const judgements: Judgement[] = [];
  for (const sites of inTurns(request)) {
    judgements.push(...(await checkTurn(context, { ...request, sites })));
  }
  return judgements;
}

async function checkTurn(context: RunContext, request: SiteRequest): Promise<Judgement[]> {
  const { before, after, sites, trials, draws } = request;
  const values = sites.map((site) => site.before);
  const exposed = withOutputs(before, values);
  const truths = await withModel(context, exposed, async (run) => {
    const all: ReadonlyMap<string, RuntimeTensor>[] = [];
    for (const trial of trials) all.push(pick(await run(trial.feeds), values));
    return all;
  });
  const first = truths[0] ?? new Map<string, RuntimeTensor>();
  const afterNames = new Map(sites.map((site) => [site.before, site.after]));
  const changed = await runCut(context, after, first, afterNames, trials, truths, undefined);
  const moved: CutResults[] = [];
  const sameNames = new Map(values.map((value) => [value, value]));
  for (let draw = 1; draw <= draws; draw++) {
    moved.push(await runCut(context, before, first, sameNames, trials, truths, draw));
  }
  const summands = new Map(values.map((value) => [value, normalizationSummands(before, value)]));
  return trials.flatMap((trial, t) =>
    sites.flatMap((site): Judgement[] => {
      const truth = truths[t]?.get(site.before);
      if (truth === undefined) return [];
      const comparisons = moved.flatMap((draw) => comparison(truth, draw[t]?.get(site.before)));
      const found = changed[t]?.get(site.before);
      const evidence = { name: site.site, trial, before: truth, after: found, moved: comparisons };
      return [judge({ ...evidence, summands: summands.get(site.before) })];
    }),
  );
}

/** Results of a cut graph, one map a trial, by the original's value name. */
type CutResults = readonly ReadonlyMap<string, RuntimeTensor>[];

/** @param draw moves constants and inputs by rounding when given. */
async function runCut(
  context: RunContext,
  graph: Graph,
  first: ReadonlyMap<string, RuntimeTensor>,
  names: ReadonlyMap<string, string>,
  trials: readonly Trial[],
  truths: CutResults,
  draw: number | undefined,
): Promise<CutResults> {
  const ownName = (value: string) => names.get(value) ?? value;
  const cut = cutAt(graph, new Map([...first].map(([value, tensor]) => [ownName(value), tensor])));
  const model = draw === undefined ? cut.graph : movedByRounding(cut.graph, draw);
  return withModel(context, model, async (run) => {
    const results: ReadonlyMap<string, RuntimeTensor>[] = [];
    for (const [t, trial] of trials.entries()) {
      const given = [...(truths[t] ?? [])].map(([value, tensor]) => [ownName(value), tensor]);
      const feeds: Tensors = { ...trial.feeds, ...Object.fromEntries(given) };
      const outputs = await run(draw === undefined ? feeds : movedFeeds(feeds, draw + 31 * t));
      const found = [...names].map(([value, own]) => [value, outputs[cut.outputOf.get(own) ?? ""]]);
      results.push(new Map(found.filter((entry): entry is [string, RuntimeTensor] => !!entry[1])));
    }
    return results;
  });
}

function pick(outputs: Tensors, names: readonly string[]): ReadonlyMap<string, RuntimeTensor> {
  const picked = new Map<string, RuntimeTensor>();
  for (const name of names) {
    const tensor = outputs[name];
    if (tensor !== undefined) picked.set(name, tensor);
  }
  return picked;
}

function comparison(truth: RuntimeTensor, moved: RuntimeTensor | undefined): Comparison[] {
  const compared = moved === undefined ? "" : compareTensors(truth, moved);
  return typeof compared === "string" ? [] : [compared];
}

/**
 * |β| + |μ·a| in each channel of a BatchNorm's result a·x + (β − μ·a). In a channel that cancels,
 * the result is small against them, and the rounding of float32 is relative to them: a unit of each
 * is what the original itself gets wrong.
 */
function normalizationSummands(graph: Graph, value: string): Float64Array | undefined {
  const node = indexOf(graph).producer(value);
  if (node === undefined || !isBatchNormalization(node)) return undefined;
  const batchNorm = readParameters(graph, node);
  if (isRefusal(batchNorm)) return undefined;
  const affine = affineForm(batchNorm);
  if (isRefusal(affine)) return undefined;
  const { beta, mean } = batchNorm;
  return beta.map(
    (shift, c) => Math.abs(shift) + Math.abs((mean[c] as number) * (affine.scale[c] as number)),
  );
}

/** Sites in groups whose values fit into memory, for all trials together. */
function inTurns({ before, sites, trials }: SiteRequest): SiteOutput[][] {
  const shapes = inferShapes(before);
  const turns: SiteOutput[][] = [];
  let room = 0;
  for (const site of sites) {
    const shape = shapes
      .get(site.before)
      ?.shape.map((size) => (typeof size === "number" ? size : 4));
    const elements = (shape === undefined ? UNKNOWN_ELEMENTS : elementCount(shape)) * trials.length;
    if (elements > room || turns.length === 0) {
      turns.push([]);
      room = MOST_HELD_ELEMENTS;
    }
    turns.at(-1)?.push(site);
    room -= elements;
  }
  return turns;
}
