import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import type { SiteOutput } from "../../passes/pass.ts";
import type { RuntimeTensor, Tensors } from "../../runtime/runtime.ts";
import { allFinite, compareTensors } from "./compare.ts";
import { type Effort, effortFor } from "./effort.ts";
import type { ExamineRequest } from "./examine.ts";
import { withOutputs } from "./instrument.ts";
import { mayBeRandom } from "./random-operators.ts";
import { CannotRun, pick, type RunContext, withModel } from "./runs.ts";
import { inTurns } from "./site-turns.ts";
import {
  type BoundInput,
  boundInputs,
  openInputs,
  syntheticTrials,
  type Trial,
  type TrialVersions,
} from "./trial-inputs.ts";
import { dataTrial } from "./user-data.ts";

export interface ReferenceRun {
  readonly trial: Trial;
  readonly outputs: Tensors;
  /** Values at the first turn of sites, on the trials that compare them. */
  readonly siteValues?: ReadonlyMap<string, RuntimeTensor>;
}

export interface Reference {
  readonly runs: readonly ReferenceRun[];
  /** What the other runs of the certificate share with these. */
  readonly context: RunContext;
  readonly effort: Effort;
  /** The sites, in groups that are held in memory together. */
  readonly turns: readonly (readonly SiteOutput[])[];
}

/**
 * Finds inputs that the original model takes, and runs it on them. The values at the sites are
 * fetched in the same runs.
 *
 * @returns a phrase where it cannot be run or has no one answer to compare with.
 */
export async function referenceRuns(
  shared: Omit<RunContext, "threads">,
  graph: Graph,
  sites: readonly SiteOutput[],
  { data, dataOptions }: Pick<ExamineRequest, "data" | "dataOptions">,
): Promise<Reference | string> {
  const inputs = openInputs(graph);
  if (typeof inputs === "string") return inputs;
  const users = data === undefined ? undefined : await dataTrial(data, inputs, graph, dataOptions);
  const effort = effortFor(graph, inputs);
  const context = { ...shared, threads: effort.threads };
  const values = sites.map((site) => site.before);
  const outputs = graph.outputs.map((output) => output.name);
  try {
    return await withModel(context, withOutputs(graph, values), async (session) => {
      let turns: readonly (readonly SiteOutput[])[] = [];
      const runs: ReferenceRun[] = [];
      const run = async (trial: Trial): Promise<ReferenceRun> => {
        const fetched = runs.length < effort.siteTrials ? (turns[0] ?? []) : [];
        const siteNames = fetched.map((site) => site.before);
        const results = await session(trial.feeds, [...new Set([...outputs, ...siteNames])]);
        const [made, siteValues] = [pick(results, outputs), pick(results, siteNames)];
        return { trial, outputs: Object.fromEntries(made), siteValues };
      };
      const bind = (guess: readonly BoundInput[]) => {
        turns = inTurns(graph, sites, guess, effort.siteTrials);
      };
      const found = await firstThatRuns(run, bind, boundInputs(inputs, effort.batchSizes));
      const first = found.run;
      if (mayBeRandom(graph) && differs(first.outputs, await session(first.trial.feeds, outputs))) {
        return "its outputs change from run to run on the same input, as those of random operators do";
      }
      runs.push(first);
      const others = inputs.length === 0 ? [] : found.others;
      for (const versions of others) {
        const next = await firstFinite(run, versions);
        if (next !== undefined) runs.push(next);
      }
      if (users !== undefined) runs.push(await dataRun(run, users, data ?? ""));
      return { runs, context, effort, turns };
    });
  } catch (error) {
    if (error instanceof CannotRun) return error.message;
    throw error;
  }
}

type RunTrial = (trial: Trial) => Promise<ReferenceRun>;

interface Found {
  readonly run: ReferenceRun;
  readonly others: readonly TrialVersions[];
}

/** Tries sizes until the model takes one; its objection to the first guess is the one to show. */
async function firstThatRuns(
  run: RunTrial,
  bind: (guess: readonly BoundInput[]) => void,
  guesses: (readonly BoundInput[])[],
): Promise<Found> {
  let objection: unknown;
  for (const guess of guesses) {
    const [versions = [], ...others] = syntheticTrials(guess);
    const trial = versions[0]?.();
    if (trial === undefined) continue;
    bind(guess);
    try {
      return { run: await run(trial), others };
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      objection ??= error;
    }
  }
  throw objection ?? new CannotRun("there is no input to try");
}

/** A kind of input that the model refuses, as an index beyond a table, is left out. */
async function firstFinite(
  run: RunTrial,
  versions: TrialVersions,
): Promise<ReferenceRun | undefined> {
  let last: ReferenceRun | undefined;
  for (const version of versions) {
    try {
      last = await run(version());
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      continue;
    }
    if (Object.values(last.outputs).every(allFinite)) return last;
  }
  return last;
}

async function dataRun(run: RunTrial, trial: Trial, data: string): Promise<ReferenceRun> {
  try {
    return await run(trial);
  } catch (error) {
    if (error instanceof CannotRun) {
      throw new InputError(`does not fit the model: ${error.message}`, data);
    }
    throw error;
  }
}

function differs(first: Tensors, second: Readonly<Record<string, RuntimeTensor>>): boolean {
  return Object.entries(first).some(([name, tensor]) => {
    const again = second[name];
    const comparison = again === undefined ? "is missing" : compareTensors(tensor, again);
    return typeof comparison === "string" || comparison.difference.some((value) => value > 0);
  });
}
