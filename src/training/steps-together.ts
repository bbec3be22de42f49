import type { Batch } from "../data/batches.ts";
import { elementCount } from "../graph/tensor.ts";
import type { Runtime, SessionOptions } from "../runtime/runtime.ts";
import { freeMemory } from "./memory-estimate.ts";
import type { scalarFeeds } from "./scalar-feeds.ts";
import { SeveralStepsSession, type StepsTaken } from "./several-steps-session.ts";
import type { StepGraph } from "./step-graph.ts";
import { stepResult } from "./step-result.ts";
import {
  isObserved,
  MOST_STEPS_OF_RUN,
  type PlannedStep,
  type StepResult,
  type StepsOfOneRun,
  type TrainingStep,
} from "./training-step.ts";

/** With less state, what a run copies is no more than what the Loop itself costs. In bytes. */
const LEAST_STATE = 4e6;

/**
 * Nothing else is heard during a run, which therefore lasts no longer than about so many
 * milliseconds. Who cancels does not wait for it: see docs/architecture.md.
 */
const LONGEST_RUN = 800;

/** Slower steps gain little by it: of two or three in one run, the memory of a second session is the price. */
const LEAST_STEPS = 4;

/** What several steps take beyond one by one, in states: those between two of them, and their copies. */
const FURTHER_STATES = 3;

/** The steps one after the other, for which those of one run stand in. */
export interface SingleSteps extends Omit<TrainingStep, "several"> {
  readonly stepsDone: number;
  /** What the last step took, in milliseconds; infinitely many before the first. */
  readonly milliseconds: number;
  /** Goes on from the state that so many further steps have led to. */
  advance(state: ReadonlyMap<string, Float32Array>, steps: number): void;
}

/** Takes several steps in one run where the state is large and the steps are quick. */
export class StepsTogether implements StepsOfOneRun {
  readonly #single: SingleSteps;
  readonly #step: StepGraph;
  readonly #config: Parameters<typeof scalarFeeds>[1];
  readonly #create: () => Promise<SeveralStepsSession>;
  #session: SeveralStepsSession | undefined;
  /** The least that a step has taken so far, in milliseconds. */
  #milliseconds = Number.POSITIVE_INFINITY;
  #possible: boolean | undefined;

  constructor(
    single: SingleSteps,
    step: StepGraph,
    config: Parameters<typeof scalarFeeds>[1],
    { runtime, ...options }: SessionOptions & { readonly runtime: Runtime },
  ) {
    this.#single = single;
    this.#step = step;
    this.#config = config;
    this.#create = () => SeveralStepsSession.create(runtime, step, options);
  }

  get count(): number {
    const each = Math.min(this.#milliseconds, this.#single.milliseconds);
    const count = Math.min(MOST_STEPS_OF_RUN, Math.floor(LONGEST_RUN / each));
    if (count < LEAST_STEPS) return 1;
    this.#possible ??= worthwhile(this.#step);
    return this.#possible ? count : 1;
  }

  async run(
    steps: readonly PlannedStep[],
    rows: Batch,
    { untilNotFinite }: { readonly untilNotFinite: boolean },
  ): Promise<readonly StepResult[]> {
    this.#session ??= await this.#create();
    const single = this.#single;
    const scalars = steps.map(({ learningRate, divergenceFactor, wishes }, index) => ({
      number: single.stepsDone + index + 1,
      learningRate,
      divergenceFactor,
      observed: isObserved(wishes),
    }));
    const start = performance.now();
    const taken = await this.#session.run(single.state, rows, scalars, this.#config);
    const each = (performance.now() - start) / steps.length;
    this.#milliseconds = Math.min(this.#milliseconds, each);
    const results = steps.map(({ wishes }, index) =>
      stepResult(this.#step, wishes, (output) => numbersOf(taken, output, index, steps.length)),
    );
    const bad = results.findIndex(({ loss }) => !Number.isFinite(loss));
    if (untilNotFinite && bad !== -1) return this.#again(steps.slice(0, bad + 1));
    single.advance(taken.state, steps.length);
    return results;
  }

  /** One after the other, so that what led to the last one is at hand. */
  async #again(steps: readonly PlannedStep[]): Promise<readonly StepResult[]> {
    const results: StepResult[] = [];
    for (const { batch, learningRate, wishes, divergenceFactor } of steps) {
      const result = await this.#single.run(batch, learningRate, wishes, divergenceFactor);
      const samples = [...result.samples].map(([name, values]) => [name, values.slice()] as const);
      results.push({ ...result, output: result.output.slice(), samples: new Map(samples) });
    }
    return results;
  }

  async release(): Promise<void> {
    await this.#session?.release();
  }
}

/** What one of several steps gave for an output. */
function numbersOf({ results }: StepsTaken, output: string, step: number, count: number) {
  const all = results.get(output) as Float32Array;
  const width = all.length / count;
  return all.subarray(step * width, (step + 1) * width);
}

function worthwhile({ state }: StepGraph): boolean {
  const bytes = 4 * state.reduce((count, { dims }) => count + elementCount(dims), 0);
  return bytes >= LEAST_STATE && FURTHER_STATES * bytes <= freeMemory();
}
