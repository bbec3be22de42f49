import { type Dataset, withSampleShape } from "../data/dataset.ts";
import type { ModelInput } from "../data/dataset-request.ts";
import { modelInputScaling } from "../data/input-scaling-note.ts";
import { openDataset } from "../data/open-dataset.ts";
import { measureScaling, scaledInputs } from "../data/scale-inputs.ts";
import { splitSamples } from "../data/split.ts";
import type { Graph } from "../graph/graph.ts";
import type { InputScaling, TrainingConfig } from "../protocol/training.ts";
import { dataRequest } from "./data-request.ts";
import { sampleInput } from "./forward-part.ts";

export interface TrainingData {
  /** In the shape of the model's input, scaled as the run asks for. */
  readonly data: Dataset;
  /** Undefined where the run asks for none. */
  readonly inputScaling?: InputScaling;
}

/**
 * Opens a run's data, and scales it by what its training part, as the run splits it, is like; where the
 * run asks for no scaling, as the model's own note says.
 *
 * @param model its graph, or its input alone.
 */
export async function openTrainingData(
  config: TrainingConfig,
  model: Graph | ModelInput,
): Promise<TrainingData> {
  const input = "nodes" in model ? sampleInput(model) : model;
  const opened = await openDataset(config.data, dataRequest(config, input));
  const own = "nodes" in model ? modelInputScaling(model) : undefined;
  if (config.inputScaling === "none" && own === undefined) return { data: opened };
  const data = withSampleShape(opened, input.sampleShape, input.name);
  if (config.inputScaling === "none") {
    return own === undefined ? { data } : { data: scaledInputs(data, own), inputScaling: own };
  }
  const { train } = splitSamples(data, config.split, config.seed);
  const inputScaling = await measureScaling(data, train, config.inputScaling);
  return { data: scaledInputs(data, inputScaling), inputScaling };
}
