import type { Batch } from "../data/batches.ts";
import { encodeModel } from "../formats/onnx/write.ts";
import { elementCount } from "../graph/tensor.ts";
import type {
  BadValue,
  OptimizerConfig,
  StepDetailNumbers,
  TrainingConfig,
} from "../protocol/training.ts";
import type {
  Runtime,
  RuntimeTensor,
  Session,
  SessionOptions,
  Tensors,
} from "../runtime/runtime.ts";
import { batchFeeds } from "./batch-feeds.ts";
import { detailNumbers } from "./detail-numbers.ts";
import { firstBadValue } from "./first-bad-value.ts";
import { OPTIMIZERS } from "./optimizers/table.ts";
import type { StateTensor } from "./parameter-updates.ts";
import { detailCount } from "./step-details.ts";
import type { StepGraph } from "./step-graph.ts";

export interface StepResult {
  readonly loss: number;
  /** Variational dropout's divergence before this step, summed over all noise. */
  readonly divergence?: number;
  /** What L1 and L2 added to the loss before this step. */
  readonly penalty?: number;
  /** The model's output for the batch, overwritten by the next step. */
  readonly output: Float32Array;
  /** Samples of the watched values, where asked for, by value; overwritten by the next step. */
  readonly samples: ReadonlyMap<string, Float32Array>;
  /** Norms, ratios and moments, where asked for. */
  readonly details?: StepDetailNumbers;
}

/** What a step gives beside its loss and output. */
export interface StepWishes {
  readonly samples: boolean;
  readonly details: boolean;
}

type StepConfig = Pick<TrainingConfig, "optimizer" | "accumulateBatches" | "threads">;

/** One of the two sets of state tensors, as inputs and as outputs of the step graph. */
interface StateSet {
  readonly arrays: ReadonlyMap<string, Float32Array>;
  readonly feeds: Tensors;
  readonly fetches: Tensors;
}

/** One training step after the other, on whatever engine. */
export type TrainingStep = Pick<StepSession, "run" | "restart" | "state">;

/**
 * Runs the step graph again and again. Parameters and state live in two sets of buffers: a step
 * reads one and writes the other, then they change places. A buffer that is both fed and fetched
 * would be overwritten while it is still read.
 */
export class StepSession {
  readonly #step: StepGraph;
  readonly #session: Session;
  readonly #optimizer: OptimizerConfig;
  readonly #loss = new Float32Array(1);
  readonly #divergence = new Float32Array(1);
  readonly #penalty = new Float32Array(1);
  readonly #batchesPerUpdate: number;
  readonly #output: Float32Array;
  readonly #results: Tensors;
  readonly #samples: Tensors;
  readonly #details: Tensors;
  #lastFeeds: Tensors = {};
  #current: StateSet;
  #other: StateSet;
  #stepsDone: number;

  private constructor(
    step: StepGraph,
    session: Session,
    config: StepConfig,
    initial: ReadonlyMap<string, Float32Array>,
    stepsDone: number,
  ) {
    this.#stepsDone = stepsDone;
    this.#step = step;
    this.#session = session;
    this.#optimizer = config.optimizer;
    this.#batchesPerUpdate = config.accumulateBatches;
    this.#current = stateSet(step.state, initial);
    this.#other = stateSet(step.state, new Map());
    this.#output = new Float32Array(elementCount(step.outputShape));
    this.#results = {
      [step.loss]: floatTensor(this.#loss, []),
      [step.output]: floatTensor(this.#output, step.outputShape),
      ...(step.divergence === undefined
        ? {}
        : { [step.divergence.value]: floatTensor(this.#divergence, []) }),
      ...(step.penalty === undefined ? {} : { [step.penalty]: floatTensor(this.#penalty, []) }),
    };
    this.#samples = Object.fromEntries(
      step.samples.map(({ output, count }) => [
        output,
        floatTensor(new Float32Array(count), [count]),
      ]),
    );
    const { details } = step;
    const numbers = details === undefined ? 0 : detailCount(details);
    this.#details =
      details === undefined
        ? {}
        : { [details.output]: floatTensor(new Float32Array(numbers), [numbers]) };
  }

  /**
   * @param options.initial state by name; what is missing, such as the optimizer's tensors at the
   *   first step, starts at zero.
   * @param options.stepsDone steps of the run before this session.
   */
  static async create(
    runtime: Runtime,
    step: StepGraph,
    options: {
      readonly config: StepConfig;
      readonly initial: ReadonlyMap<string, Float32Array>;
      readonly stepsDone?: number;
    },
  ): Promise<StepSession> {
    const { threads } = options.config;
    const session = await runtime.createSession(encodeModel(step.graph), trainingSession(threads));
    return new StepSession(step, session, options.config, options.initial, options.stepsDone ?? 0);
  }

  /**
   * One step on one batch.
   *
   * @param divergenceFactor what variational dropout's divergence counts in the loss.
   */
  async run(
    batch: Batch,
    learningRate: number,
    wishes: StepWishes,
    divergenceFactor = 0,
  ): Promise<StepResult> {
    this.#stepsDone++;
    const step = this.#step;
    const scalars = OPTIMIZERS[this.#optimizer.kind].scalars(
      this.#optimizer,
      learningRate,
      Math.ceil(this.#stepsDone / this.#batchesPerUpdate),
    );
    const feeds: Record<string, RuntimeTensor> = {
      ...this.#current.feeds,
      ...batchFeeds(step, batch),
    };
    for (const [name, input] of step.scalars) {
      feeds[input] = floatTensor(Float32Array.of(scalars[name] as number), []);
    }
    if (step.divergence !== undefined) {
      feeds[step.divergence.factor] = floatTensor(Float32Array.of(divergenceFactor), []);
    }
    if (step.updateDue !== undefined) {
      const due = this.#stepsDone % this.#batchesPerUpdate === 0 ? 1 : 0;
      feeds[step.updateDue] = floatTensor(Float32Array.of(due), []);
    }
    if (step.stepNumber !== undefined) {
      const number = Uint32Array.of(this.#stepsDone);
      feeds[step.stepNumber] = { type: "uint32", dims: [], data: number };
    }
    if (step.details !== undefined) {
      const due = Uint8Array.of(wishes.details ? 1 : 0);
      feeds[step.details.due] = { type: "bool", dims: [], data: due };
    }
    this.#lastFeeds = feeds;
    await this.#session.run(feeds, {
      ...this.#other.fetches,
      ...this.#results,
      ...(wishes.samples || wishes.details ? this.#samples : {}),
      ...(wishes.details ? this.#details : {}),
    });
    [this.#current, this.#other] = [this.#other, this.#current];
    const details = wishes.details ? this.#detailNumbers() : undefined;
    return {
      loss: this.#loss[0] as number,
      ...(step.divergence === undefined ? {} : { divergence: this.#divergence[0] as number }),
      ...(step.penalty === undefined ? {} : { penalty: this.#penalty[0] as number }),
      output: this.#output,
      samples: wishes.samples ? this.#sampled() : new Map(),
      ...(details === undefined ? {} : { details }),
    };
  }

  #sampled(): ReadonlyMap<string, Float32Array> {
    return new Map(
      this.#step.samples.map(({ name, output }) => [
        name,
        this.#samples[output]?.data as Float32Array,
      ]),
    );
  }

  /** Of the step just run: the state it read is still in the other set of buffers. */
  #detailNumbers(): StepDetailNumbers | undefined {
    const { details } = this.#step;
    if (details === undefined) return undefined;
    const measured = {
      details,
      numbers: this.#details[details.output]?.data as Float32Array,
      before: this.#other.arrays,
      after: this.#current.arrays,
      samples: this.#sampled(),
    };
    return detailNumbers(measured, details.named);
  }

  /** Begins anew. @param initial as for `create`. */
  restart(initial: ReadonlyMap<string, Float32Array>): void {
    this.#current = stateSet(this.#step.state, initial);
    this.#stepsDone = 0;
  }

  /** Parameters, running statistics and optimizer state as of now; overwritten two steps later. */
  get state(): ReadonlyMap<string, Float32Array> {
    return this.#current.arrays;
  }

  /** Where the last step stopped giving finite numbers; for as long as its batch is not overwritten. */
  firstBadValue(runtime: Runtime): Promise<BadValue | undefined> {
    return firstBadValue(runtime, this.#step, this.#lastFeeds);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/**
 * "all" would add ONNX Runtime's blocked layout, which is made for weights that are constants; here
 * they are fed. It was never faster in processor time on the benchmark's networks (busy machine).
 */
export function trainingSession(threads: number): SessionOptions {
  return { optimization: "extended", ...(threads === 0 ? {} : { threads }) };
}

function stateSet(
  state: readonly StateTensor[],
  initial: ReadonlyMap<string, Float32Array>,
): StateSet {
  const arrays = new Map<string, Float32Array>();
  const feeds: Record<string, RuntimeTensor> = {};
  const fetches: Record<string, RuntimeTensor> = {};
  for (const { name, next, dims } of state) {
    const values = initial.get(name)?.slice() ?? new Float32Array(elementCount(dims));
    arrays.set(name, values);
    feeds[name] = fetches[next] = floatTensor(values, dims);
  }
  return { arrays, feeds, fetches };
}

function floatTensor(data: Float32Array, dims: readonly number[]): RuntimeTensor {
  return { type: "float32", dims, data };
}
