import type { Batch } from "../data/batches.ts";
import { encodeModel } from "../formats/onnx/write.ts";
import { elementCount } from "../graph/tensor.ts";
import type { BadValue, TrainingConfig } from "../protocol/training.ts";
import type {
  Runtime,
  RuntimeTensor,
  Session,
  SessionOptions,
  Tensors,
} from "../runtime/runtime.ts";
import { batchFeeds } from "./batch-feeds.ts";
import { firstBadValue } from "./first-bad-value.ts";
import { planMemory } from "./memory-estimate.ts";
import type { StateTensor } from "./parameter-updates.ts";
import { scalarFeeds } from "./scalar-feeds.ts";
import type { StepGraph } from "./step-graph.ts";
import { stepResult } from "./step-result.ts";
import { type SingleSteps, StepsTogether } from "./steps-together.ts";
import {
  isObserved,
  type StepResult,
  type StepsOfOneRun,
  type StepWishes,
  type TrainingStep,
} from "./training-step.ts";

type StepConfig = Pick<TrainingConfig, "optimizer" | "accumulateBatches" | "threads">;

export interface StepSessionOptions {
  readonly config: StepConfig;
  /**
   * State by name; what is missing, such as the optimizer's tensors at the first step, starts at
   * zero.
   */
  readonly initial: ReadonlyMap<string, Float32Array>;
  /** Steps of the run before this session. */
  readonly stepsDone?: number;
  /** Bytes of the values between the step's nodes that are alive at once; few where left out. */
  readonly working?: number;
}

/** One of the two sets of state tensors, as inputs and as outputs of the step graph. */
interface StateSet {
  readonly arrays: ReadonlyMap<string, Float32Array>;
  readonly feeds: Tensors;
  readonly fetches: Tensors;
}

/**
 * Runs the step graph again and again. Parameters and state live in two sets of buffers: a step
 * reads one and writes the other, then they change places. A buffer that is both fed and fetched
 * would be overwritten while it is still read.
 */
export class StepSession implements TrainingStep, SingleSteps {
  readonly #step: StepGraph;
  readonly #session: Session;
  readonly #config: StepConfig;
  readonly #together: StepsTogether;
  readonly #loss = new Float32Array(1);
  readonly #divergence = new Float32Array(1);
  readonly #penalty = new Float32Array(1);
  readonly #output: Float32Array;
  readonly #results: Tensors;
  readonly #observed: Tensors;
  #lastFeeds: Tensors = {};
  #current: StateSet;
  /** Made when it is needed: where several steps are one run, it seldom is. */
  #other: StateSet | undefined;
  #stepsDone: number;
  /** Whether steps have been taken together. */
  #advanced = false;
  #milliseconds = Number.POSITIVE_INFINITY;

  private constructor(
    runtime: Runtime,
    step: StepGraph,
    session: Session,
    options: StepSessionOptions,
  ) {
    const { config, initial, stepsDone = 0 } = options;
    this.#stepsDone = stepsDone;
    this.#step = step;
    this.#session = session;
    this.#config = config;
    const running = { runtime, ...sessionOptions(options) };
    this.#together = new StepsTogether(this, step, config, running);
    this.#current = stateSet(step.state, initial);
    this.#output = new Float32Array(elementCount(step.outputShape));
    this.#results = {
      [step.loss]: floatTensor(this.#loss, []),
      [step.output]: floatTensor(this.#output, step.outputShape),
      ...(step.divergence === undefined
        ? {}
        : { [step.divergence.value]: floatTensor(this.#divergence, []) }),
      ...(step.penalty === undefined ? {} : { [step.penalty]: floatTensor(this.#penalty, []) }),
    };
    const { observation } = step;
    this.#observed =
      observation === undefined
        ? {}
        : {
            [observation.output]: floatTensor(new Float32Array(observation.count), [
              observation.count,
            ]),
          };
  }

  static async create(
    runtime: Runtime,
    step: StepGraph,
    options: StepSessionOptions,
  ): Promise<StepSession> {
    const session = await runtime.createSession(encodeModel(step.graph), sessionOptions(options));
    return new StepSession(runtime, step, session, options);
  }

  async run(
    batch: Batch,
    learningRate: number,
    wishes: StepWishes,
    divergenceFactor = 0,
  ): Promise<StepResult> {
    this.#stepsDone++;
    const step = this.#step;
    const observed = isObserved(wishes);
    const scalars = { number: this.#stepsDone, learningRate, divergenceFactor, observed };
    const feeds: Record<string, RuntimeTensor> = {
      ...this.#current.feeds,
      ...batchFeeds(step, batch),
      ...scalarFeeds(step, this.#config, [scalars], []),
    };
    this.#lastFeeds = feeds;
    const numbers = observed ? { ...this.#results, ...this.#observed } : this.#results;
    const start = performance.now();
    const next = await (this.#advanced
      ? this.#runIntoFresh(feeds, numbers)
      : this.#runIntoOther(feeds, numbers));
    this.#milliseconds = performance.now() - start;
    [this.#current, this.#other] = [next, this.#current];
    return stepResult(step, wishes, (output) => numbers[output]?.data as Float32Array);
  }

  async #runIntoOther(feeds: Tensors, numbers: Tensors): Promise<StateSet> {
    const next = this.#other ?? stateSet(this.#step.state, new Map());
    await this.#session.run(feeds, { ...next.fetches, ...numbers });
    return next;
  }

  /** Where several steps are one run a second set of buffers would be made for this step alone. */
  async #runIntoFresh(feeds: Tensors, numbers: Tensors): Promise<StateSet> {
    const { state } = this.#step;
    const names = [...state.map(({ next }) => next), ...Object.keys(numbers)];
    const given = await this.#session.run(feeds, names);
    for (const [name, { data }] of Object.entries(numbers)) {
      (data as Float32Array).set(given[name]?.data as Float32Array);
    }
    const arrays = state.map(
      ({ name, next }) => [name, given[next]?.data as Float32Array] as const,
    );
    return stateSetOf(state, new Map(arrays));
  }

  get several(): StepsOfOneRun {
    return this.#together;
  }

  get stepsDone(): number {
    return this.#stepsDone;
  }

  get milliseconds(): number {
    return this.#milliseconds;
  }

  advance(state: ReadonlyMap<string, Float32Array>, steps: number): void {
    this.#current = stateSetOf(this.#step.state, state);
    this.#stepsDone += steps;
    this.#advanced = true;
    // They would keep further sets alive.
    this.#other = undefined;
    this.#lastFeeds = {};
  }

  restart(initial: ReadonlyMap<string, Float32Array>): void {
    this.#current = stateSet(this.#step.state, initial);
    this.#stepsDone = 0;
  }

  get state(): ReadonlyMap<string, Float32Array> {
    return this.#current.arrays;
  }

  /** Where the last step stopped giving finite numbers; for as long as its batch is not overwritten. */
  firstBadValue(runtime: Runtime): Promise<BadValue | undefined> {
    return firstBadValue(runtime, this.#step, this.#lastFeeds);
  }

  async release(): Promise<void> {
    await this.#together.release();
    await this.#session.release();
  }
}

/**
 * "all" would add ONNX Runtime's blocked layout, which is made for weights that are constants; here
 * they are fed. It was never faster in processor time on the benchmark's networks (busy machine).
 */
export function trainingSession(threads: number): SessionOptions {
  return { optimization: "extended", ...(threads === 0 ? {} : { threads }) };
}

function sessionOptions({ config, working = 0 }: StepSessionOptions): SessionOptions {
  return { ...trainingSession(config.threads), plannedMemory: planMemory(working) };
}

function stateSet(
  state: readonly StateTensor[],
  initial: ReadonlyMap<string, Float32Array>,
): StateSet {
  const arrays = state.map(
    ({ name, dims }) =>
      [name, initial.get(name)?.slice() ?? new Float32Array(elementCount(dims))] as const,
  );
  return stateSetOf(state, new Map(arrays));
}

/** The arrays themselves, not copies. */
function stateSetOf(
  state: readonly StateTensor[],
  arrays: ReadonlyMap<string, Float32Array>,
): StateSet {
  const feeds: Record<string, RuntimeTensor> = {};
  const fetches: Record<string, RuntimeTensor> = {};
  for (const { name, input, next, dims } of state) {
    feeds[input] = fetches[next] = floatTensor(arrays.get(name) as Float32Array, dims);
  }
  return { arrays, feeds, fetches };
}

function floatTensor(data: Float32Array, dims: readonly number[]): RuntimeTensor {
  return { type: "float32", dims, data };
}
