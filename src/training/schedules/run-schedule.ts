import type { TrainingConfig } from "../../protocol/training.ts";
import type { RunProgress } from "../checkpoint.ts";
import type { RetrainPlan } from "../retrain.ts";
import { LearningRate } from "./learning-rate.ts";
import type { ScheduleState } from "./schedule.ts";

/**
 * The learning rate at each step of a run, and the epochs that schedules and warm-ups count. Training
 * again goes through the schedule of the first training, step for step.
 */
export class RunSchedule {
  readonly #config: TrainingConfig;
  readonly #stepsPerEpoch: number;
  readonly #retrain: RetrainPlan | undefined;
  readonly #learningRate: LearningRate;
  readonly #ended: ScheduleState[];

  /** @param progress of a run that goes on. */
  constructor(
    config: TrainingConfig,
    stepsPerEpoch: number,
    retrain?: RetrainPlan,
    progress?: RunProgress,
  ) {
    this.#config = config;
    this.#retrain = retrain;
    this.#stepsPerEpoch = retrain?.stepsPerEpoch ?? stepsPerEpoch;
    const updates = Math.ceil((config.maxEpochs * this.#stepsPerEpoch) / config.accumulateBatches);
    this.#learningRate = new LearningRate(config, updates, progress?.schedule);
    this.#ended = [...(progress?.schedules ?? [])];
  }

  /** @param step steps before it. */
  rateAt(step: number): number {
    const update = Math.floor(step / this.#config.accumulateBatches);
    const epoch = this.epochAt(step);
    return this.#learningRate.at(epoch, update, this.#retrain?.schedules[epoch]);
  }

  /** Epochs that are over. @param step steps before it. */
  epochAt(step: number): number {
    return Math.floor(step / this.#stepsPerEpoch);
  }

  /** After an epoch: the metric that early stopping watches. */
  measured(metric: number): void {
    if (this.#config.earlyStopping.retrain) this.#ended.push(this.#learningRate.state);
    this.#learningRate.measured(metric);
  }

  /** The schedule in each epoch that is over, where training again will need it. */
  get ended(): readonly ScheduleState[] {
    return this.#ended;
  }

  get progress(): Pick<RunProgress, "schedule" | "schedules"> {
    const schedule = this.#learningRate.state;
    return this.#ended.length === 0 ? { schedule } : { schedule, schedules: [...this.#ended] };
  }
}
