import type { TrainingConfig } from "../../protocol/training.ts";
import type { ScheduleState } from "./schedule.ts";
import { SCHEDULES } from "./table.ts";
import { warmUpFactor } from "./warm-up.ts";

export type LearningRateConfig = Pick<
  TrainingConfig,
  "schedule" | "optimizer" | "maxEpochs" | "earlyStopping"
>;

/** The learning rate of a run: its schedule, its warm-up, and what validation makes of it. */
export class LearningRate {
  readonly #config: LearningRateConfig;
  readonly #updates: number;
  #state: ScheduleState;

  /**
   * @param updates in the whole run, if nothing stops it.
   * @param state of a run that goes on; a new run's when left out.
   */
  constructor(config: LearningRateConfig, updates: number, state?: ScheduleState) {
    this.#config = config;
    this.#updates = updates;
    const base = config.optimizer.learningRate;
    this.#state = state ?? { base, badEpochs: 0, coolingDown: 0 };
  }

  /**
   * @param epoch epochs that are over.
   * @param update updates that are done.
   * @param state that of another moment in place of the present one.
   */
  at(epoch: number, update: number, state = this.#state): number {
    const { schedule, maxEpochs } = this.#config;
    const clock = { epoch, update, updates: this.#updates, maxEpochs };
    const rate = SCHEDULES[schedule.kind].rate(schedule, state.base, clock);
    return rate * warmUpFactor(schedule, clock);
  }

  /** After an epoch: the metric that early stopping watches. */
  measured(metric: number): void {
    const { schedule, earlyStopping } = this.#config;
    const { measured } = SCHEDULES[schedule.kind];
    if (measured === undefined) return;
    this.#state = measured(schedule, this.#state, metric, earlyStopping.direction);
  }

  /** Plain data, for a run that is to go on later. */
  get state(): ScheduleState {
    return this.#state;
  }
}
