import type { Graph } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import type { SampleRuns } from "./sample-runs.ts";

/**
 * The share of samples whose largest output is that of their class; undefined where the data has no
 * classes or the model's first output is not one number for each of them.
 */
export async function sampleAccuracy(
  graph: Graph,
  samples: SampleRuns,
): Promise<number | undefined> {
  const output = graph.outputs[0]?.name ?? "";
  let [right, counted, measurable] = [0, 0, true];
  await samples.run(graph, [output], ({ count, values, labels }) => {
    const found = values.get(output);
    const classes = found === undefined ? 0 : elementCount(found.dims.slice(1));
    const perClass = found !== undefined && found.dims[0] === count && classes > 1;
    if (labels === undefined || !perClass || found.dims.length < 2) {
      measurable = false;
      return;
    }
    for (let sample = 0; sample < count; sample++) {
      const row = found.data.subarray(sample * classes, (sample + 1) * classes);
      const largest = row.reduce(
        (best, value, each) => (value > (row[best] ?? 0) ? each : best),
        0,
      );
      if (largest === labels[sample]) right++;
    }
    counted += count;
  });
  return measurable && counted > 0 ? right / counted : undefined;
}
