import type { Graph } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import {
  affineForm,
  isBatchNormalization,
  readParameters,
} from "../../passes/batch-normalization.ts";
import type { SiteOutput } from "../../passes/pass.ts";
import { isRefusal } from "../../passes/refusal.ts";
import type { RuntimeTensor, Tensors } from "../../runtime/runtime.ts";
import { type Comparison, compareTensors, largestScale } from "./compare.ts";
import { cutAt, withOutputs } from "./instrument.ts";
import { type ChangedForm, type Judgement, judge } from "./judge.ts";
import { movedByRounding, movedFeeds } from "./moved-copy.ts";
import { CannotRun, pick, type RunContext, withModel } from "./runs.ts";
import type { Trial } from "./trial-inputs.ts";
import { unnaturalValues } from "./unnatural-values.ts";

export interface SiteRequest {
  readonly before: Graph;
  readonly after: Graph;
  /** Groups of sites that are held in memory together. */
  readonly turns: readonly (readonly SiteOutput[])[];
  readonly trials: readonly Trial[];
  /** What the original computed at the first turn's sites, one map a trial. */
  readonly firstTurn: Values;
  /** Number of moved copies of the original. */
  readonly draws: number;
  /** The changed graph's own rounding counts too. */
  readonly reconditioned?: boolean;
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
  for (const [turn, sites] of request.turns.entries()) {
    const known = turn === 0 ? request.firstTurn : await siteValues(context, request, sites);
    judgements.push(...(await checkTurn(context, request, sites, known)));
  }
  return judgements;
}

/** Values by name, one map a trial. */
type Values = readonly ReadonlyMap<string, RuntimeTensor>[];

async function siteValues(
  context: RunContext,
  { before, trials }: SiteRequest,
  sites: readonly SiteOutput[],
): Promise<Values> {
  const names = sites.map((site) => site.before);
  return withModel(context, withOutputs(before, names), async (run) => {
    const all: ReadonlyMap<string, RuntimeTensor>[] = [];
    for (const trial of trials) all.push(pick(await run(trial.feeds, names), names));
    return all;
  });
}

async function checkTurn(
  context: RunContext,
  request: SiteRequest,
  sites: readonly SiteOutput[],
  natural: Values,
): Promise<Judgement[]> {
  const { before, after, draws } = request;
  const values = sites.map((site) => site.before);
  const sameNames = new Map(values.map((value) => [value, value]));
  const afterNames = new Map(sites.map((site) => [site.before, site.after]));
  const unnatural = await unnaturalTrial(context, request, natural, sameNames);
  const trials = [...request.trials, ...unnatural.map((each) => each.trial)];
  const given = [...natural, ...unnatural.map((each) => each.given)];
  const truths = [...natural, ...unnatural.map((each) => each.truth)];
  const changed = await runCut(context, after, afterNames, trials, given, undefined);
  const moved: Values[] = [];
  for (let draw = 1; draw <= draws; draw++) {
    moved.push(await runCut(context, before, sameNames, trials, given, draw));
  }
  const movedChanged: Values[] = [];
  for (let draw = 1; request.reconditioned === true && draw <= draws; draw++) {
    movedChanged.push(await runCut(context, after, afterNames, trials, given, draw));
  }
  const scales = new Map(
    values.map((value) => [value, largestScale(truths.flatMap((truth) => truth.get(value) ?? []))]),
  );
  const changedForm = (value: string, t: number): ChangedForm | undefined => {
    const own = changed[t]?.get(value);
    if (movedChanged.length === 0 || own === undefined) return undefined;
    const comparisons = movedChanged.flatMap((draw) => comparison(own, draw[t]?.get(value)));
    return { moved: comparisons, scale: scales.get(value) as Float64Array };
  };
  const summands = new Map(values.map((value) => [value, normalizationSummands(before, value)]));
  return trials.flatMap((trial, t) =>
    sites.flatMap((site): Judgement[] => {
      const truth = truths[t]?.get(site.before);
      if (truth === undefined) return [];
      const comparisons = moved.flatMap((draw) => comparison(truth, draw[t]?.get(site.before)));
      const found = changed[t]?.get(site.before);
      const evidence = { name: site.site, trial, before: truth, after: found, moved: comparisons };
      const form = changedForm(site.before, t);
      return [judge({ ...evidence, changedForm: form, summands: summands.get(site.before) })];
    }),
  );
}

interface Unnatural {
  readonly trial: Trial;
  readonly given: ReadonlyMap<string, RuntimeTensor>;
  readonly truth: ReadonlyMap<string, RuntimeTensor>;
}

/** One more trial, where what lies between the places takes values that are not its own. */
async function unnaturalTrial(
  context: RunContext,
  { before, trials }: SiteRequest,
  natural: Values,
  names: ReadonlyMap<string, string>,
): Promise<Unnatural[]> {
  const [first, values] = [trials[0], natural[0]];
  if (first === undefined || values === undefined || values.size === 0) return [];
  const given = unnaturalValues(values);
  const trial = { ...first, name: "random values at each place, seed 3" };
  try {
    const [truth] = await runCut(context, before, names, [trial], [given], undefined);
    return truth === undefined ? [] : [{ trial, given, truth }];
  } catch (error) {
    // Sizes or indices may depend on a value.
    if (error instanceof CannotRun) return [];
    throw error;
  }
}

/**
 * Results of a cut graph, by the original's value names.
 *
 * @param draw moves constants and inputs by rounding when given.
 */
async function runCut(
  context: RunContext,
  graph: Graph,
  names: ReadonlyMap<string, string>,
  trials: readonly Trial[],
  given: Values,
  draw: number | undefined,
): Promise<Values> {
  const ownName = (value: string) => names.get(value) ?? value;
  const first = [...(given[0] ?? [])];
  const cut = cutAt(graph, new Map(first.map(([value, tensor]) => [ownName(value), tensor])));
  const model = draw === undefined ? cut.graph : movedByRounding(cut.graph, draw);
  return withModel(context, model, async (run) => {
    const results: ReadonlyMap<string, RuntimeTensor>[] = [];
    for (const [t, trial] of trials.entries()) {
      const own = [...(given[t] ?? [])].map(([value, tensor]) => [ownName(value), tensor]);
      const feeds: Tensors = { ...trial.feeds, ...Object.fromEntries(own) };
      const outputs = await run(draw === undefined ? feeds : movedFeeds(feeds, draw + 31 * t));
      const found = [...names].map(([value, name]) => [
        value,
        outputs[cut.outputOf.get(name) ?? ""],
      ]);
      results.push(new Map(found.filter((entry): entry is [string, RuntimeTensor] => !!entry[1])));
    }
    return results;
  });
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
