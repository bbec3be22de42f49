import { type Dataset, withSampleShape } from "../data/dataset.ts";
import type { ModelInput } from "../data/dataset-request.ts";
import { openDataset } from "../data/open-dataset.ts";
import { measureScaling, scaledInputs } from "../data/scale-inputs.ts";
import { splitSamples } from "../data/split.ts";
import type { InputScaling, TrainingConfig } from "../protocol/training.ts";
import { dataRequest } from "./data-request.ts";

export interface TrainingData {
  /** In the shape of the model's input, scaled as the run asks for. */
  readonly data: Dataset;
  /** Undefined where the run asks for none. */
  readonly inputScaling?: InputScaling;
}

/** Opens a run's data, and scales it by what its training part, as the run splits it, is like. */
export async function openTrainingData(
  config: TrainingConfig,
  input: ModelInput,
): Promise<TrainingData> {
  const opened = await openDataset(config.data, dataRequest(config, input));
  if (config.inputScaling === "none") return { data: opened };
  const data = withSampleShape(opened, input.sampleShape, input.name);
  const { train } = splitSamples(data, config.split, config.seed);
  const inputScaling = await measureScaling(data, train, config.inputScaling);
  return { data: scaledInputs(data, inputScaling), inputScaling };
}
