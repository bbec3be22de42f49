import type { Graph } from "../../graph/graph.ts";
import type { SiteOutput } from "../../passes/pass.ts";
import type { ProgressNotification } from "../../protocol/engine.ts";
import type { Certificate } from "../../protocol/reports.ts";
import type { Runtime, RuntimeTensor, Tensors } from "../../runtime/runtime.ts";
import { type Comparison, compareTensors } from "./compare.ts";
import { type Judgement, judge } from "./judge.ts";
import { movedByRounding, movedFeeds } from "./moved-copy.ts";
import { type ReferenceRun, referenceRuns } from "./reference.ts";
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

/** Runs both models on the same inputs and says whether rounding explains how they differ. */
export async function examine(request: ExamineRequest): Promise<Certificate> {
  const { original, changed, sites } = request;
  const progress = new RunProgress(request.onProgress);
  const shared = {
    runtime: request.runtime,
    signal: request.signal,
    onRun: () => progress.step(),
  };
  const reference = await referenceRuns(shared, original, request.data);
  if (typeof reference === "string") return notChecked("original", reference);
  const { runs, context, effort } = reference;
  const trials = runs.map((run) => run.trial);
  const siteTrials = sites.length === 0 ? [] : trials.slice(0, effort.siteTrials);
  const { draws } = effort;
  progress.expect((1 + draws) * runs.length + (2 + draws) * siteTrials.length);
  try {
    const results = await changedRuns(context, request, runs);
    const moved = await movedRuns(context, original, runs, draws);
    const outputs = runs.flatMap(({ trial, outputs }, t) =>
      Object.entries(outputs).map(([name, before]): Judgement => {
        const after = results[t]?.[request.changedOutput(name)];
        return judge({ name, trial, before, after, moved: moved[t]?.get(name) ?? [] });
      }),
    );
    const checks = { before: original, after: changed, sites, trials: siteTrials, draws };
    const judgedSites = await checkSites(context, checks);
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

/** Counts runs; how many there will be is known only after the first model ran. */
class RunProgress {
  #done = 0;
  #total: number | undefined;

  constructor(readonly report: ExamineRequest["onProgress"]) {}

  expect(runs: number): void {
    this.#total = this.#done + runs;
  }

  step(): void {
    this.#done += 1;
    const fraction = this.#total === undefined ? {} : { fraction: this.#done / this.#total };
    this.report?.({ message: "Comparing outputs", ...fraction });
  }
}
