import type { Batch } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Split } from "../data/split.ts";
import type { StopReason, TrainingConfig, TrainingEvent } from "../protocol/training.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { EarlyStoppingState } from "./early-stopping.ts";
import type { ModelEvaluator, Weights } from "./evaluate.ts";
import type { LossSettings } from "./losses/loss.ts";
import type { RetrainPlan } from "./retrain.ts";
import type { ScheduleState } from "./schedules/schedule.ts";
import type { TrainingStep } from "./training-step.ts";
import type { WatchedValues } from "./watched-values.ts";

export interface LoopOptions {
  readonly config: TrainingConfig;
  readonly lossSettings: LossSettings;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly batch: Batch;
  readonly step: TrainingStep;
  readonly evaluator: ModelEvaluator;
  readonly watched: Pick<WatchedValues, "statistics" | "edges">;
  /** Names of parameters and running statistics: what a snapshot holds. */
  readonly weightNames: readonly string[];
  /** The rows of an epoch in the order they are trained on. */
  epochRows(epoch: number): Int32Array;
  /** Where the samples are trained on again; without validation then. */
  readonly retrain?: RetrainPlan;
  /** Where to go on; from the beginning where left out. The step session has its state already. */
  readonly from?: Pick<Checkpoint, "progress" | "best">;
  readonly signal: AbortSignal;
  isPaused(): Promise<void> | void;
  onEvent(event: TrainingEvent): void;
  /**
   * The weights that are the best from now on; they are valid until the next call.
   *
   * @param atOnce the run may be killed before a later call.
   */
  onBest(weights: Weights, atOnce: boolean): Promise<void>;
  /** Keeps the state so that a later run can go on from it. @param signal ends the keeping. */
  onCheckpoint(checkpoint: Checkpoint, signal?: AbortSignal): Promise<void>;
}

export interface LoopOutcome {
  readonly reason: StopReason;
  /** Epochs run; one that was cancelled in its middle does not count. */
  readonly epochs: number;
  readonly stopping: EarlyStoppingState;
  /** The schedule in each epoch, for training again. */
  readonly schedules: readonly ScheduleState[];
  /** The step, from 1, whose loss was not finite, where that ended the run. */
  readonly divergedAt?: number;
  /** The weights the run ends with. */
  readonly weights: Weights;
}

export function stepsPerEpoch(trainSamples: number, batchSize: number): number {
  return Math.floor(trainSamples / batchSize);
}
