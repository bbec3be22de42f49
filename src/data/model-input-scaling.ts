import type { Graph } from "../graph/graph.ts";
import { type Dataset, withSampleShape } from "./dataset.ts";
import type { ModelInput } from "./dataset-request.ts";
import { modelInputScaling } from "./input-scaling-note.ts";
import { scaledInputs } from "./scale-inputs.ts";

/** Raw samples as the model takes them: scaled where it has a note that they have to be. */
export function asModelTakes(dataset: Dataset, graph: Graph, input: ModelInput): Dataset {
  const scaling = modelInputScaling(graph);
  if (scaling === undefined) return dataset;
  return scaledInputs(withSampleShape(dataset, input.sampleShape, input.name), scaling);
}
