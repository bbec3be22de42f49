import type { Dataset } from "../data/dataset.ts";
import { asModelTakes } from "../data/model-input-scaling.ts";
import { openDataset } from "../data/open-dataset.ts";
import type { Graph } from "../graph/graph.ts";
import type { SampleRuns } from "../passes/sample-runs.ts";
import type { DataOptions } from "../protocol/data-options.ts";
import { loadRuntime } from "../runtime/onnx-runtime.ts";
import { sampleInput } from "../training/forward-part.ts";
import { runSamples } from "../training/run-samples.ts";
import { asFloat32 } from "../training/watched-values.ts";
import type { RequestContext } from "./context.ts";

/** The data that a request names, in the size the model takes, for passes and analyses to measure on. */
export async function openSampleRuns(
  data: string,
  context: RequestContext,
  graph?: Graph,
  options: Partial<DataOptions> = {},
): Promise<SampleRuns> {
  if (graph === undefined)
    return sampleRuns(await openDataset(data, { options }), undefined, context);
  const input = sampleInput(graph);
  const opened = await openDataset(data, { input, options });
  return sampleRuns(asModelTakes(opened, graph, input), undefined, context);
}

/** @param rows the samples to measure on; all when undefined. */
export function sampleRuns(
  dataset: Dataset,
  rows: Int32Array | undefined,
  context: RequestContext,
): SampleRuns {
  const labels = dataset.targets?.kind === "classes" ? dataset.targets.labels : undefined;
  return {
    name: dataset.name,
    count: rows?.length ?? dataset.count,
    run: async (graph, values, visit, settings = {}) => {
      const runtime = await loadRuntime();
      const onProgress = (fraction: number) => context.progress({ message: "Measuring", fraction });
      const chosen = rows === undefined ? {} : { rows };
      const options = { graph, dataset, ...chosen, ...settings, values, runtime, onProgress };
      await runSamples({ ...options, signal: context.signal }, (batch) =>
        visit({
          count: batch.rows.length,
          start: batch.start,
          values: new Map(
            [...batch.values].map(([name, value]) => [
              name,
              { dims: value.dims, data: asFloat32(name, value) },
            ]),
          ),
          ...(labels === undefined
            ? {}
            : { labels: batch.rows.map((row) => labels[row] as number) }),
        }),
      );
    },
  };
}
