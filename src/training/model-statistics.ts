import { asModelTakes } from "../data/model-input-scaling.ts";
import { openDataset } from "../data/open-dataset.ts";
import type { Graph } from "../graph/graph.ts";
import type { DataOptions } from "../protocol/data-options.ts";
import type { ValueStatistics } from "../protocol/reports.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { StatisticsCollector } from "../statistics/value-statistics.ts";
import { sampleInput } from "./forward-part.ts";
import { runSamples } from "./run-samples.ts";
import { asFloat32, resolveValues } from "./watched-values.ts";

export interface ModelStatisticsOptions {
  readonly graph: Graph;
  /** "digits" or a path to a data set; targets are not needed. */
  readonly data: string;
  readonly dataOptions?: Partial<DataOptions>;
  /** Names of nodes or values; what enters the nonlinearities when left out. */
  readonly nodes?: readonly string[];
  readonly runtime: Runtime;
  readonly signal?: AbortSignal;
}

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
  const values = resolveValues(graph, options.nodes ?? "auto", "nodes");
  if (values.length === 0) return [];
  const input = sampleInput(graph);
  const opened = await openDataset(options.data, { input, options: options.dataOptions });
  const dataset = asModelTakes(opened, graph, input);
  const collectors = new Map(values.map((name) => [name, new StatisticsCollector(name)]));
  const { signal } = options;
  const run = { graph, dataset, values, runtime, ...(signal === undefined ? {} : { signal }) };
  await runSamples(run, (batch) => {
    for (const [name, value] of batch.values) {
      collectors.get(name)?.add(asFloat32(name, value));
    }
  });
  return [...collectors.values()].map((collector) => collector.finish());
}
