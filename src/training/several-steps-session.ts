import type { Batch } from "../data/batches.ts";
import { encodeModel } from "../formats/onnx/write.ts";
import type { Runtime, RuntimeTensor, Session, SessionOptions } from "../runtime/runtime.ts";
import { batchFeeds } from "./batch-feeds.ts";
import { type StepScalars, scalarFeeds } from "./scalar-feeds.ts";
import { buildSeveralSteps, type SeveralSteps } from "./several-steps.ts";
import type { StepGraph } from "./step-graph.ts";

/** What several steps gave. */
export interface StepsTaken {
  /** After the last step, by name. */
  readonly state: ReadonlyMap<string, Float32Array>;
  /** By an output of the step: the numbers of the first step, then those of the next. */
  readonly results: ReadonlyMap<string, Float32Array>;
}

/** Runs the graph of several steps. */
export class SeveralStepsSession {
  readonly #step: StepGraph;
  readonly #steps: SeveralSteps;
  readonly #session: Session;

  private constructor(step: StepGraph, steps: SeveralSteps, session: Session) {
    this.#step = step;
    this.#steps = steps;
    this.#session = session;
  }

  static async create(
    runtime: Runtime,
    step: StepGraph,
    options: SessionOptions,
  ): Promise<SeveralStepsSession> {
    const steps = buildSeveralSteps(step);
    const session = await runtime.createSession(encodeModel(steps.graph), options);
    return new SeveralStepsSession(step, steps, session);
  }

  /**
   * @param state before the first step; it is not changed.
   * @param rows of the batches of all steps.
   */
  async run(
    state: ReadonlyMap<string, Float32Array>,
    rows: Batch,
    scalars: readonly StepScalars[],
    config: Parameters<typeof scalarFeeds>[1],
  ): Promise<StepsTaken> {
    const { count, stacked, results } = this.#steps;
    const steps = scalars.length;
    const feeds: Record<string, RuntimeTensor> = {
      [count]: { type: "int64", dims: [], data: BigInt64Array.of(BigInt(steps)) },
    };
    for (const [name, feed] of Object.entries(batchFeeds(this.#step, rows))) {
      feeds[stacked.get(name) ?? name] = { ...feed, dims: [steps, ...feed.dims] };
    }
    for (const [name, feed] of Object.entries(scalarFeeds(this.#step, config, scalars, [steps]))) {
      feeds[stacked.get(name) ?? name] = feed;
    }
    for (const { name, dims } of this.#step.state) {
      const { before } = this.#steps.state.get(name) ?? { before: name };
      feeds[before] = { type: "float32", dims, data: state.get(name) as Float32Array };
    }
    const given = await this.#session.run(feeds);
    const numbers = (output: string) => given[output]?.data as Float32Array;
    return {
      state: new Map(
        [...this.#steps.state].map(([name, { after }]) => [name, numbers(after)] as const),
      ),
      results: new Map([...results].map(([name, output]) => [name, numbers(output)] as const)),
    };
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
