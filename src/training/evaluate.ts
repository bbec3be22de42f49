import { allocateBatch, type Batch, fillBatch } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import { encodeModel } from "../formats/onnx/write.ts";
import { makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import type { Graph } from "../graph/graph.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import type { Runtime, RuntimeTensor, Session } from "../runtime/runtime.ts";
import { evaluateBatches } from "./evaluate-batches.ts";
import { inferencePart, withInputShape } from "./forward-part.ts";
import type { LossSettings } from "./losses/loss.ts";
import type { LossKind } from "./losses/table.ts";
import { trainingSession } from "./step-session.ts";
import type { Turns } from "./turns.ts";

export interface EvaluationOptions {
  readonly graph: Graph;
  readonly input: string;
  /** With the batch dimension. */
  readonly inputShape: readonly number[];
  readonly lossValue: string;
  readonly loss: LossKind;
  readonly lossSettings: LossSettings;
  /** Parameters and running statistics, which are fed with each run. */
  readonly fed: readonly string[];
  readonly watched: readonly string[];
  readonly threads: number;
}

export interface Evaluation {
  readonly loss: number;
  /** Share of right answers; undefined for regression. */
  readonly accuracy: number | undefined;
}

export type Weights = ReadonlyMap<string, Float32Array>;

/** A model at inference, on whatever engine. */
export type ModelEvaluator = Pick<Evaluator, "evaluate" | "activations">;

/**
 * The model in inference mode with its parameters as inputs, so that one session serves every
 * epoch. Its batch size is fixed; a last partial batch is filled up with repetitions, which the
 * rows of an inference do not notice.
 */
export class Evaluator {
  readonly #options: EvaluationOptions;
  readonly #session: Session;
  #batch: Batch | undefined;

  private constructor(options: EvaluationOptions, session: Session) {
    this.#options = options;
    this.#session = session;
  }

  static async create(runtime: Runtime, options: EvaluationOptions): Promise<Evaluator> {
    const graph = inferenceGraph(options);
    const session = await runtime.createSession(
      encodeModel(graph),
      trainingSession(options.threads),
    );
    return new Evaluator(options, session);
  }

  /** Mean loss and accuracy over the given rows; undefined when it was cancelled in between. */
  async evaluate(
    dataset: Dataset,
    rows: Int32Array,
    weights: Weights,
    turns: Pick<Turns, "cancelled">,
  ): Promise<Evaluation | undefined> {
    const { loss, lossSettings, lossValue } = this.#options;
    const outputOf = async (batch: Batch) =>
      (await this.#run(batch, weights, [lossValue])).get(lossValue)?.data as Float32Array;
    const batch = this.#batchFor(dataset);
    return evaluateBatches(dataset, rows, { loss, lossSettings, batch, outputOf }, turns);
  }

  /** The watched values for the first rows, at most one batch of them. */
  async activations(
    dataset: Dataset,
    rows: Int32Array,
    weights: Weights,
  ): Promise<ReadonlyMap<string, RuntimeTensor>> {
    if (this.#options.watched.length === 0) return new Map();
    const batch = this.#batchFor(dataset);
    const filled = await fillBatch(batch, dataset, rows, 0);
    const values = await this.#run(batch, weights, this.#options.watched);
    return new Map(
      [...values].map(([name, value]) => [name, firstRows(value, batch.size, filled)]),
    );
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  #batchFor(dataset: Dataset): Batch {
    this.#batch ??= allocateBatch(dataset, this.#options.inputShape[0] ?? 1);
    return this.#batch;
  }

  async #run(batch: Batch, weights: Weights, outputs: readonly string[]) {
    const { input, inputShape, fed, graph } = this.#options;
    const feeds: Record<string, RuntimeTensor> = {
      [input]: { type: "float32", dims: inputShape, data: batch.features },
    };
    for (const name of fed) {
      const dims = (graph.initializers.get(name) as Tensor).dims;
      feeds[name] = { type: "float32", dims, data: weights.get(name) as Float32Array };
    }
    return new Map(Object.entries(await this.#session.run(feeds, outputs)));
  }
}

/** Rows that are no repetitions, of a value whose first dimension is the batch. */
export function firstRows(value: RuntimeTensor, batchSize: number, rows: number): RuntimeTensor {
  if (rows === batchSize || value.dims[0] !== batchSize) return value;
  const dims = [rows, ...value.dims.slice(1)];
  return { ...value, dims, data: value.data.slice(0, elementCount(dims)) };
}

/** The graph that evaluations run. */
export function inferenceGraph(options: EvaluationOptions): Graph {
  const wanted = [...new Set([options.lossValue, ...options.watched])];
  const part = inferencePart(options.graph, wanted);
  const graph = withInputShape(part, options.input, options.inputShape);
  const fed = new Set(options.fed);
  const inputs = graph.inputs.filter((info) => !fed.has(info.name));
  const fedInputs = options.fed.map((name) =>
    makeValueInfo(name, DataType.FLOAT, (options.graph.initializers.get(name) as Tensor).dims),
  );
  return {
    ...graph,
    inputs: [...inputs, ...fedInputs],
    initializers: new Map([...graph.initializers].filter(([name]) => !fed.has(name))),
    irVersion: Math.max(graph.irVersion, 4),
  };
}
