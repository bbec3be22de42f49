import { setImmediate } from "node:timers/promises";
import { allocateBatch, fillBatch } from "../data/batches.ts";
import { type Dataset, expectRows, withSampleShape } from "../data/dataset.ts";
import { encodeModel } from "../formats/onnx/write.ts";
import type { Graph } from "../graph/graph.ts";
import { requireComputed } from "../graph/opaque-node.ts";
import type { MaskedRuns } from "../operators/dropout-masks.ts";
import type { Runtime, RuntimeTensor } from "../runtime/runtime.ts";
import { MaskDrawer } from "./draw-masks.ts";
import { firstRows } from "./evaluate.ts";
import { inferencePart, sampleInput } from "./forward-part.ts";

export interface SampleRunOptions {
  readonly graph: Graph;
  readonly dataset: Dataset;
  /** Samples to run, in this order; all in the data's order when left out. */
  readonly rows?: Int32Array;
  readonly values: readonly string[];
  /** Further values to compute as they stand, as outputs that nobody reads. */
  readonly apart?: readonly string[];
  /** Runs each batch that often, with masks as further inputs; once without where left out. */
  readonly masked?: MaskedRuns;
  readonly runtime: Runtime;
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
}

/** One batch: the values by name, and the samples they are of. */
export interface SampleBatch {
  readonly values: ReadonlyMap<string, RuntimeTensor>;
  readonly rows: Int32Array;
  /** Position of the first of them among all samples that are run. */
  readonly start: number;
}

const LARGEST_BATCH = 64;

/**
 * Runs samples through a model in inference mode, batch by batch.
 *
 * @throws InputError when the data does not fit the model's input.
 */
export async function runSamples(
  options: SampleRunOptions,
  visit: (batch: SampleBatch) => void,
): Promise<void> {
  const { graph, runtime, values } = options;
  const masked = options.masked ?? { count: 1, seed: 0, masks: [] };
  const input = sampleInput(withoutInputs(graph, masked));
  const dataset = withSampleShape(options.dataset, input.sampleShape, input.name);
  const rows = options.rows ?? Int32Array.from({ length: dataset.count }, (_, row) => row);
  const size = input.batchSize ?? Math.min(LARGEST_BATCH, rows.length);
  const drawer = new MaskDrawer(masked);
  const computed = [...new Set([...values, ...(options.apart ?? [])])];
  const part = inferencePart(graph, computed);
  requireComputed(part);
  const session = await runtime.createSession(encodeModel(part));
  try {
    expectRows(dataset, rows);
    for (let start = 0; start < rows.length; start += size) {
      const count = Math.min(size, rows.length - start);
      const batch = allocateBatch(dataset, input.batchSize ?? count);
      await fillBatch(batch, dataset, rows, start);
      const dims = [batch.size, ...dataset.sampleShape];
      const features = { type: "float32" as const, dims, data: batch.features };
      for (let run = 0; run < masked.count; run++) {
        options.signal?.throwIfAborted();
        const feeds = { ...drawer.draw(run, batch.size), [input.name]: features };
        const results = Object.entries(await session.run(feeds, values));
        visit({
          values: new Map(
            results.map(([name, value]) => [name, firstRows(value, batch.size, count)]),
          ),
          rows: rows.subarray(start, start + count),
          start,
        });
      }
      options.onProgress?.((start + count) / rows.length);
      await setImmediate();
    }
  } finally {
    await session.release();
  }
}

/** The graph that takes samples alone. */
function withoutInputs(graph: Graph, { masks }: MaskedRuns): Graph {
  const fed = new Set(masks.map(({ input }) => input));
  return { ...graph, inputs: graph.inputs.filter(({ name }) => !fed.has(name)) };
}
