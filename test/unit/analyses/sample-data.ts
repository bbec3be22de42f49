import type { Dataset } from "../../../src/data/dataset.ts";
import { sampleRuns } from "../../../src/engine/sample-runs.ts";
import type { SampleRuns } from "../../../src/passes/sample-runs.ts";
import { context } from "../../support/request-context.ts";

/** Samples given by their numbers, with classes where given. */
export function samplesOf(
  features: readonly (readonly number[])[],
  labels?: readonly number[],
): SampleRuns {
  const dataset: Dataset = {
    name: "samples",
    count: features.length,
    sampleShape: [features[0]?.length ?? 0],
    features: Float32Array.from(features.flat()),
    ...(labels === undefined
      ? {}
      : {
          targets: {
            kind: "classes",
            labels: Int32Array.from(labels),
            classNames: [...new Set(labels)].map(String),
          },
        }),
  };
  return sampleRuns(dataset, undefined, context);
}
