import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import type { RuntimeTensor, Tensors } from "../../runtime/runtime.ts";
import { allFinite, compareTensors } from "./compare.ts";
import { type Effort, effortFor } from "./effort.ts";
import { CannotRun, type Run, type RunContext, withModel } from "./runs.ts";
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
}

export interface Reference {
  readonly runs: readonly ReferenceRun[];
  /** What the other runs of the certificate share with these. */
  readonly context: RunContext;
  readonly effort: Effort;
}

/**
 * Finds inputs that the original model takes, and runs it on them.
 *
 * @returns a phrase where it cannot be run or has no one answer to compare with.
 */
export async function referenceRuns(
  shared: Omit<RunContext, "threads">,
  graph: Graph,
  data: string | undefined,
): Promise<Reference | string> {
  const inputs = openInputs(graph);
  if (typeof inputs === "string") return inputs;
  const users = data === undefined ? undefined : await dataTrial(data, inputs);
  const effort = effortFor(graph, inputs);
  const context = { ...shared, threads: effort.threads };
  try {
    return await withModel(context, graph, async (run) => {
      const found = await firstThatRuns(run, boundInputs(inputs, effort.batchSizes));
      const { trial, outputs } = found;
      if (differs(outputs, await run(trial.feeds))) {
        return "its outputs change from run to run on the same input, as those of random operators do";
      }
      const runs = [{ trial, outputs }];
      const others = inputs.length === 0 ? [] : found.others;
      for (const versions of others) {
        const next = await firstFinite(run, versions);
        if (next !== undefined) runs.push(next);
      }
      if (users !== undefined) runs.push(await dataRun(run, users, data ?? ""));
      return { runs, context, effort };
    });
  } catch (error) {
    if (error instanceof CannotRun) return error.message;
    throw error;
  }
}

interface Found extends ReferenceRun {
  readonly others: readonly TrialVersions[];
}

/** Tries sizes until the model takes one; its objection to the first guess is the one to show. */
async function firstThatRuns(run: Run, guesses: (readonly BoundInput[])[]): Promise<Found> {
  let objection: unknown;
  for (const guess of guesses) {
    const [versions = [], ...others] = syntheticTrials(guess);
    const trial = versions[0]?.();
    if (trial === undefined) continue;
    try {
      return { trial, outputs: await run(trial.feeds), others };
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      objection ??= error;
    }
  }
  throw objection ?? new CannotRun("there is no input to try");
}

/** A kind of input that the model refuses, as an index beyond a table, is left out. */
async function firstFinite(run: Run, versions: TrialVersions): Promise<ReferenceRun | undefined> {
  let last: ReferenceRun | undefined;
  for (const version of versions) {
    const trial = version();
    try {
      last = { trial, outputs: await run(trial.feeds) };
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      continue;
    }
    if (Object.values(last.outputs).every(allFinite)) return last;
  }
  return last;
}

async function dataRun(run: Run, trial: Trial, data: string): Promise<ReferenceRun> {
  try {
    return { trial, outputs: await run(trial.feeds) };
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
