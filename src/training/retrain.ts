import type { Split } from "../data/split.ts";
import type { TrainingConfig, TrainingEvent } from "../protocol/training.ts";
import type { ScheduleState } from "./schedules/schedule.ts";

/**
 * Training again with the validation samples, after early stopping has found out for how long:
 * from the same initial weights, on training and validation samples together, for the number of
 * parameter updates that had led to the best epoch (Goodfellow, Bengio, Courville: Deep Learning,
 * algorithm 7.2). There is nothing left to validate on, so nothing is decided on the way.
 */
export interface RetrainPlan extends Pick<RetrainEvent, "steps" | "reason" | "epochs"> {
  readonly bestEpoch: number;
  /** Why the first training ended, in a sentence. */
  readonly sentence: string;
  /** Of the first training: learning rates and warm-ups go by its epochs, step for step the same. */
  readonly stepsPerEpoch: number;
  /** The schedule in each epoch of the first training, up to the best. */
  readonly schedules: readonly ScheduleState[];
}

type RetrainEvent = Extract<TrainingEvent, { event: "retrain" }>;

/** How the first training ended. */
interface FirstTraining extends Pick<RetrainPlan, "reason" | "epochs" | "bestEpoch" | "sentence"> {
  readonly stepsPerEpoch: number;
  readonly schedules: readonly ScheduleState[];
}

/** @returns undefined where it is not asked for, or the first training has found no best epoch. */
export function retrainPlan(config: TrainingConfig, first: FirstTraining): RetrainPlan | undefined {
  const { reason, bestEpoch, stepsPerEpoch } = first;
  const wanted = config.earlyStopping.retrain && bestEpoch > 0;
  if (!wanted || reason === "cancelled" || reason === "diverged") return undefined;
  return {
    ...first,
    steps: bestEpoch * stepsPerEpoch,
    schedules: first.schedules.slice(0, bestEpoch),
  };
}

/** All samples but the test's are trained on. */
export function retrainSplit({ train, validation, test }: Split): Split {
  return {
    train: Int32Array.of(...train, ...validation),
    validation: new Int32Array(0),
    test,
  };
}
