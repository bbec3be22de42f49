import type { Graph } from "../../graph/graph.ts";
import type { SiteOutput } from "../../passes/pass.ts";
import type { ProgressNotification } from "../../protocol/engine.ts";
import type { Certificate } from "../../protocol/reports.ts";
import type { Runtime, RuntimeTensor, Tensors } from "../../runtime/runtime.ts";
import { type Comparison, compareTensors } from "./compare.ts";
import { type Judgement, judge } from "./judge.ts";
import { type ReferenceRun, referenceRuns } from "./reference.ts";
import { movedByRounding, movedFeeds } from "./rounding.ts";
import { CannotRun, type RunContext, withModel } from "./runs.ts";
import { checkSites } from "./site-checks.ts";
import { notChecked, verdict } from "./verdict.ts";

export interface ExamineRequest {
  readonly original: Graph;
  readonly changed: Graph;
  /** What the changed model calls an input or output of the original. */
  readonly changedInput: (name: string) => string;
  readonly changedOutput: (name: string) => string;
  readonly sites: readonly SiteOutput[];
  readonly data?: string;
  readonly runtime: Runtime;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ProgressNotification) => void;
}

/** Copies of the original that are moved by rounding: more where a run costs little. */
const DRAWS = { light: 6, heavy: 1 };

/** Trials on which a heavy model's sites are compared; its outputs are on all of them. */
const HEAVY_SITE_TRIALS = 2;

/** Runs both models on the same inputs and says whether rounding explains how they differ. */
export async function examine(request: ExamineRequest): Promise<Certificate> {
  const { original, changed, sites } = request;
  const context: RunContext = {
    runtime: request.runtime,
    signal: request.signal,
    onRun: progressCounter(request),
  };
  const reference = await referenceRuns(context, original, request.data);
  if (typeof reference === "string") return notChecked("original", reference);
  const { runs, heavy } = reference;
  const trials = runs.map((run) => run.trial);
  const draws = heavy ? DRAWS.heavy : DRAWS.light;
  try {
    const results = await changedRuns(context, request, runs);
    const moved = await movedRuns(context, original, runs, draws);
    const outputs = runs.flatMap(({ trial, outputs }, t) =>
      Object.entries(outputs).map(([name, before]): Judgement => {
        const after = results[t]?.[request.changedOutput(name)];
        return judge({ name, trial, before, after, moved: moved[t]?.get(name) ?? [] });
      }),
    );
    const siteTrials = heavy ? trials.slice(0, HEAVY_SITE_TRIALS) : trials;
    const judgedSites =
      sites.length === 0
        ? []
        : await checkSites(context, {
            before: original,
            after: changed,
            sites,
            trials: siteTrials,
            draws,
          });
    return verdict(trials, outputs, judgedSites);
  } catch (error) {
    if (error instanceof CannotRun) return notChecked("changed", error.message);
    throw error;
  }
}

async function changedRuns(
  context: RunContext,
  { changed, changedInput }: ExamineRequest,
  runs: readonly ReferenceRun[],
): Promise<readonly Tensors[]> {
  return withModel(context, changed, async (run) => {
    const results: Tensors[] = [];
    for (const { trial } of runs) {
      const feeds = Object.entries(trial.feeds).map(([name, tensor]) => [
        changedInput(name),
        tensor,
      ]);
      results.push(await run(Object.fromEntries(feeds)));
    }
    return results;
  });
}

/** The original against its moved copies: a map for each trial, a comparison for each draw. */
async function movedRuns(
  context: RunContext,
  original: Graph,
  runs: readonly ReferenceRun[],
  draws: number,
): Promise<readonly ReadonlyMap<string, Comparison[]>[]> {
  const all = runs.map(() => new Map<string, Comparison[]>());
  for (let draw = 1; draw <= draws; draw++) {
    await withModel(context, movedByRounding(original, draw), async (run) => {
      for (const [t, { trial, outputs }] of runs.entries()) {
        const moved = await run(movedFeeds(trial.feeds, draw + 31 * t));
        for (const [name, truth] of Object.entries(outputs)) collect(all[t], name, truth, moved);
      }
    });
  }
  return all;
}

function collect(
  into: Map<string, Comparison[]> | undefined,
  name: string,
  truth: RuntimeTensor,
  moved: Tensors,
): void {
  const tensor = moved[name];
  const comparison = tensor === undefined ? "" : compareTensors(truth, tensor);
  if (typeof comparison === "string" || into === undefined) return;
  into.set(name, [...(into.get(name) ?? []), comparison]);
}

/** Six kinds of input and the repetition of the first, on the original, the changed and the moved. */
const USUAL_RUNS = 7 + 6 + 6;

function progressCounter({ sites, onProgress }: ExamineRequest): () => void {
  const total = USUAL_RUNS + (sites.length > 0 ? 3 * HEAVY_SITE_TRIALS : 0);
  let done = 0;
  return () => {
    done += 1;
    onProgress?.({ message: "Comparing outputs", fraction: Math.min(done / total, 1) });
  };
}
