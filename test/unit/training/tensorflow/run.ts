import { DEFAULT_TRAINING_CONFIG } from "../../../../src/protocol/default-training-config.ts";
import type { TrainingEvent } from "../../../../src/protocol/training.ts";
import { mergeConfig } from "../../../../src/training/config.ts";
import {
  type TensorFlowTraining,
  trainOnTensorFlow,
} from "../../../../src/training/tensorflow/train.ts";
import { tensorFlow } from "../../../support/tensorflow.ts";
import { temporaryFolder } from "../run-training.ts";

/** Trains a model.json in this process, into a new folder, and keeps every event. */
export async function runOnTensorFlow(
  modelPath: string,
  part: object,
  changes: Partial<TensorFlowTraining> = {},
) {
  const events: TrainingEvent[] = [];
  const config = mergeConfig(DEFAULT_TRAINING_CONFIG, { engine: "tensorflow", ...part });
  const runsFolder = await temporaryFolder();
  const result = await trainOnTensorFlow({
    tensorFlow: tensorFlow(),
    modelPath,
    config,
    runsFolder,
    signal: new AbortController().signal,
    isPaused: () => undefined,
    onEvent: (event) => events.push(event),
    ...changes,
  });
  return { events, result, runsFolder, config };
}
