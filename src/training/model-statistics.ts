import { setImmediate } from "node:timers/promises";
import { allocateBatch, fillBatch } from "../data/batches.ts";
import { withSampleShape } from "../data/dataset.ts";
import { openDataset } from "../data/open-dataset.ts";
import { encodeModel } from "../formats/onnx/write.ts";
import type { Graph } from "../graph/graph.ts";
import type { ValueStatistics } from "../protocol/reports.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { StatisticsCollector } from "../statistics/value-statistics.ts";
import { firstRows } from "./evaluate.ts";
import { inferencePart, sampleInput } from "./forward-part.ts";
import { asFloat32, resolveValues } from "./watched-values.ts";

export interface ModelStatisticsOptions {
  readonly graph: Graph;
  /** "digits" or a path to a data set; targets are not needed. */
  readonly data: string;
  /** Names of nodes or values; what enters the nonlinearities when left out. */
  readonly nodes?: readonly string[];
  readonly runtime: Runtime;
  readonly signal?: AbortSignal;
}

const LARGEST_BATCH = 64;

/**
 * Statistics of a model's values over a whole data set, in inference mode.
 *
 * All samples are taken, batch by batch. What is exact and what is sampled for very many values,
 * StatisticsCollector says.
 */
export async function modelStatistics(
  options: ModelStatisticsOptions,
): Promise<readonly ValueStatistics[]> {
  const { graph, runtime } = options;
  const input = sampleInput(graph);
  const dataset = withSampleShape(await openDataset(options.data), input.sampleShape, input.name);
  const values = resolveValues(graph, options.nodes ?? "auto", "nodes");
  if (values.length === 0) return [];
  const collectors = new Map(values.map((name) => [name, new StatisticsCollector(name)]));
  const rows = Int32Array.from({ length: dataset.count }, (_, row) => row);
  const size = input.batchSize ?? Math.min(LARGEST_BATCH, dataset.count);
  const session = await runtime.createSession(encodeModel(inferencePart(graph, values)));
  try {
    for (let start = 0; start < dataset.count; start += size) {
      options.signal?.throwIfAborted();
      const count = Math.min(size, dataset.count - start);
      const batch = allocateBatch(dataset, input.batchSize ?? count);
      fillBatch(batch, dataset, rows, start);
      const dims = [batch.size, ...dataset.sampleShape];
      const feeds = { [input.name]: { type: "float32" as const, dims, data: batch.features } };
      const results = await session.run(feeds, values);
      for (const [name, value] of Object.entries(results)) {
        collectors.get(name)?.add(asFloat32(name, firstRows(value, batch.size, count)));
      }
      await setImmediate();
    }
  } finally {
    await session.release();
  }
  return [...collectors.values()].map((collector) => collector.finish());
}
