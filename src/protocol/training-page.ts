import type { TechniqueDescription } from "./engine.ts";
import type { SaveFileMessage } from "./save-file.ts";
import type { TrainingConfig, TrainingEvent } from "./training.ts";

/** Messages between the training panel's host side and its page. */

export type RunStatus =
  | "idle"
  | "starting"
  | "running"
  | "paused"
  | "stopping"
  | "finished"
  | "failed";

/** What of a page's kept state the host reads, when a window comes back with the page. */
export interface KeptModel {
  /** The URI of the model that the page is about; many models are named model.json. */
  readonly model: string;
}

export type ToTrainingPage =
  | {
      readonly type: "init";
      /** The model's URI, for the page to keep. */
      readonly model: string;
      readonly fileName: string;
      readonly config: TrainingConfig;
      readonly status: RunStatus;
      /** Everything a reopened page needs to draw again. */
      readonly events: readonly TrainingEvent[];
      readonly message?: string;
    }
  /** What may come before training. */
  | { readonly type: "techniques"; readonly passes: readonly TechniqueDescription[] }
  /** Batched, at most some ten times a second. */
  | { readonly type: "events"; readonly events: readonly TrainingEvent[] }
  | { readonly type: "status"; readonly status: RunStatus; readonly message?: string }
  /** The answer to chooseData; nothing is sent when the choice was cancelled. */
  | { readonly type: "data"; readonly data: string }
  /** Something other than the run went wrong or was done, for example "Saved digits-best.onnx". */
  | { readonly type: "notice"; readonly message: string };

export type FromTrainingPage =
  | { readonly type: "ready" }
  | { readonly type: "start"; readonly config: TrainingConfig }
  /** Goes on with a run that was cut off or cancelled, with the options it began with. */
  | { readonly type: "resumeRun" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "stop" }
  | { readonly type: "chooseData" }
  /** Shows the data set as this configuration divides and scales it. */
  | { readonly type: "previewData"; readonly config: TrainingConfig }
  | { readonly type: "saveModel" }
  | { readonly type: "foldAndSave" }
  | { readonly type: "applyWeights" }
  | { readonly type: "exportReport" }
  | SaveFileMessage;
