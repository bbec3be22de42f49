import { type DataOptions, DEFAULT_DATA_OPTIONS } from "../protocol/data-options.ts";
import type { TargetKind } from "./dataset.ts";

/** What whoever opens a data set knows of it. */
export interface DatasetRequest {
  /** How the targets are meant: a loss on classes or on numbers. */
  readonly kind?: TargetKind | undefined;
  /** The model's input: images and sounds are read in its size, a .npz may call its samples by its name. */
  readonly input?: ModelInput | undefined;
  readonly options?: Partial<DataOptions> | undefined;
}

export interface ModelInput {
  readonly name: string;
  /** Without the batch; undefined where the model leaves a size open. */
  readonly sampleShape: readonly (number | undefined)[];
}

export function dataOptions({ options }: DatasetRequest): DataOptions {
  return { ...DEFAULT_DATA_OPTIONS, ...options };
}
