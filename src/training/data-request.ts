import type { DatasetRequest, ModelInput } from "../data/dataset-request.ts";
import type { TrainingConfig } from "../protocol/training.ts";
import { LOSSES } from "./losses/table.ts";

/** How a run opens its data: the loss says what targets are, the model's input what size samples have. */
export function dataRequest(
  { loss, dataOptions }: Pick<TrainingConfig, "loss" | "dataOptions">,
  input: ModelInput,
): DatasetRequest {
  return { kind: LOSSES[loss].targetKind, input, options: dataOptions };
}
