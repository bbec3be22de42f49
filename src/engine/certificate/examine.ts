import type { Graph } from "../../graph/graph.ts";
import type { SiteOutput } from "../../passes/pass.ts";
import type { DataOptions } from "../../protocol/data-options.ts";
import type { ProgressNotification } from "../../protocol/engine.ts";
import type { Certificate } from "../../protocol/reports.ts";
import type { Runtime, RuntimeTensor, Tensors } from "../../runtime/runtime.ts";
import { type Comparison, compareTensors, largestScale } from "./compare.ts";
import { type ChangedForm, isExplained, type Judgement, judge } from "./judge.ts";
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
  /** The changed model adds up larger numbers than the original; its own rounding counts too. */
  readonly reconditioned?: boolean;
  /** What to say where the original cannot be run, given the reason. */
  readonly cannotRun?: (why: string) => Promise<Certificate>;
  readonly data?: string;
  readonly dataOptions?: Partial<DataOptions>;
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
  const reference = await referenceRuns(shared, original, sites, request);
  if (typeof reference === "string") {
    return request.cannotRun?.(reference) ?? notChecked("original", reference);
  }
  const { runs, context, effort, turns } = reference;
  const siteRuns = sites.length === 0 ? [] : runs.slice(0, effort.siteTrials);
  const { draws } = effort;
  const reconditioned = request.reconditioned === true;
  const measured = effort.measuresAll || reconditioned ? runs : representatives(runs);
  const forms = reconditioned ? 2 : 1;
  const sitePasses = (1 + forms * draws) * turns.length + Math.max(0, turns.length - 1);
  const siteTotal =
    sites.length === 0 ? 0 : sitePasses * (siteRuns.length + 1) + Math.min(1, turns.length);
  progress.expect(runs.length + forms * draws * measured.length + siteTotal);
  try {
    const more = (doubtful: number) => progress.expect(draws * doubtful + siteTotal);
    const outputs = await judgedOutputs(context, request, { runs, measured, draws, more });
    const judgedSites = await checkSites(context, {
      before: original,
      after: changed,
      turns,
      trials: siteRuns.map((run) => run.trial),
      firstTurn: siteRuns.map((run) => run.siteValues ?? new Map()),
      draws,
      reconditioned,
    });
    const trials = runs.map((run) => run.trial);
    return verdict(trials, outputs, judgedSites);
  } catch (error) {
    if (error instanceof CannotRun) return notChecked("changed", error.message);
    throw error;
  }
}

interface Measurements {
  readonly runs: readonly ReferenceRun[];
  /** The runs whose rounding is measured for all of their kind. */
  readonly measured: readonly ReferenceRun[];
  /** Moved copies a run. */
  readonly draws: number;
  /** Told how many further runs are measured themselves, before they are. */
  readonly more: (doubtful: number) => void;
}

/**
 * All outputs of all runs, each against what rounding explains. Where the rounding of another run
 * does not explain one, its own is measured as well.
 */
async function judgedOutputs(
  context: RunContext,
  request: ExamineRequest,
  { runs, measured, draws, more }: Measurements,
): Promise<Judgement[]> {
  const { original } = request;
  const results = await changedRuns(context, request, runs);
  const moved = await movedRuns(context, original, measured, draws);
  const changedForms =
    request.reconditioned === true
      ? await changedRounding(context, request, runs, results, draws)
      : undefined;
  const judgeRun = (run: ReferenceRun, t: number): Judgement[] => {
    const substitute = measured.find((each) => each.trial.constant === run.trial.constant);
    const comparisons = moved.get(run) ?? moved.get(substitute ?? run);
    const borrowed = !moved.has(run);
    return Object.entries(run.outputs).map(([name, before]) => {
      const after = results[t]?.[request.changedOutput(name)];
      const changedForm = changedForms?.get(run)?.get(name);
      const evidence = { name, trial: run.trial, before, after, borrowed, changedForm };
      return judge({ ...evidence, moved: comparisons?.get(name) ?? [] });
    });
  };
  const outputs = runs.map(judgeRun);
  const doubtful = runs.filter((run, t) => !moved.has(run) && !outputs[t]?.every(isExplained));
  if (doubtful.length === 0) return outputs.flat();
  more(doubtful.length);
  const own = await movedRuns(context, original, doubtful, draws);
  for (const [run, comparisons] of own) moved.set(run, comparisons);
  return runs.flatMap(judgeRun);
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

/** One trial that varies and the first constant one that is not zero. */
function representatives(runs: readonly ReferenceRun[]): readonly ReferenceRun[] {
  const constant = runs.filter((run) => run.trial.constant);
  const chosen = [runs.find((run) => !run.trial.constant), constant[1] ?? constant[0]];
  return chosen.filter((run) => run !== undefined);
}

/** The original against its moved copies: a comparison for each draw, by trial and output. */
async function movedRuns(
  context: RunContext,
  original: Graph,
  runs: readonly ReferenceRun[],
  draws: number,
): Promise<Map<ReferenceRun, ReadonlyMap<string, Comparison[]>>> {
  const all = new Map(runs.map((run) => [run, new Map<string, Comparison[]>()]));
  for (let draw = 1; draw <= draws; draw++) {
    await withModel(context, movedByRounding(original, draw), async (session) => {
      for (const [t, run] of runs.entries()) {
        const moved = await session(movedFeeds(run.trial.feeds, draw + 31 * t));
        for (const [name, truth] of Object.entries(run.outputs)) {
          collect(all.get(run), name, truth, moved);
        }
      }
    });
  }
  return all;
}

/** The changed model against its moved copies, by trial and output of the original. */
async function changedRounding(
  context: RunContext,
  { changed, changedInput, changedOutput }: ExamineRequest,
  runs: readonly ReferenceRun[],
  results: readonly Tensors[],
  draws: number,
): Promise<ReadonlyMap<ReferenceRun, ReadonlyMap<string, ChangedForm>>> {
  const own = runs.map(({ trial, outputs }, t): ReferenceRun => {
    const feeds = Object.entries(trial.feeds).map(([name, each]) => [changedInput(name), each]);
    const found = Object.keys(outputs).flatMap((name) => {
      const tensor = results[t]?.[changedOutput(name)];
      return tensor === undefined ? [] : [[changedOutput(name), tensor] as const];
    });
    const ownTrial = { ...trial, feeds: Object.fromEntries(feeds) };
    return { trial: ownTrial, outputs: Object.fromEntries(found) };
  });
  const moved = await movedRuns(context, changed, own, draws);
  const forms = runs.map((run, t) => {
    const comparisons = moved.get(own[t] as ReferenceRun);
    const names = Object.keys(run.outputs);
    const entries = names.map((name): [string, ChangedForm] => {
      const scale = largestScale(runs.flatMap(({ outputs }) => outputs[name] ?? []));
      return [name, { moved: comparisons?.get(changedOutput(name)) ?? [], scale }];
    });
    return [run, new Map(entries)] as const;
  });
  return new Map(forms);
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
