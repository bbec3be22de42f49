import type { Graph } from "../graph/graph.ts";
import type { MaskedRuns } from "../operators/dropout-masks.ts";

/** Values of one batch of samples, in inference mode. */
export interface ValueBatch {
  /** Number of samples. */
  readonly count: number;
  /** Position of the first of them among all samples. */
  readonly start: number;
  /** float32, row-major; the first dimension is the batch where the value has one. */
  readonly values: ReadonlyMap<
    string,
    { readonly dims: readonly number[]; readonly data: Float32Array }
  >;
  /** The class of each sample, where the data has classes. */
  readonly labels?: Int32Array;
}

export interface SampleRunSettings {
  /** Runs each batch several times, with masks for further inputs of the graph. */
  readonly masked?: MaskedRuns;
  /**
   * Values that the runtime computes as they stand instead of fusing them into the operator behind
   * them, which rounds differently. They are not handed over.
   */
  readonly apart?: readonly string[];
}

/** How passes and analyses measure a model on data; the engine provides it. */
export interface SampleRuns {
  /** What people call the data. */
  readonly name: string;
  /** Number of samples. */
  readonly count: number;
  /**
   * Runs all samples through a graph, in inference mode and in the data's order, and hands over the
   * given values batch by batch. The arrays are the visitor's only until it returns.
   *
   * @throws InputError when the data does not fit the model.
   */
  run(
    graph: Graph,
    values: readonly string[],
    visit: (batch: ValueBatch) => void,
    settings?: SampleRunSettings,
  ): Promise<void>;
}
