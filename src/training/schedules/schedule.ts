import type { ScheduleConfig } from "../../protocol/training.ts";

/** Where in its run an update is. */
export interface Clock {
  /** Epochs that are over, from 0. */
  readonly epoch: number;
  /** Updates that are done, from 0. */
  readonly update: number;
  /** Updates in the whole run, if nothing stops it. */
  readonly updates: number;
  readonly maxEpochs: number;
}

/** One way for the learning rate to change in the course of a run. */
export interface Schedule {
  /**
   * The learning rate of an update.
   *
   * @param base the learning rate that was asked for, or what is left of it after `measured`.
   */
  rate(config: ScheduleConfig, base: number, clock: Clock): number;
  /** What a validated epoch changes. Plain data, so that a run can be saved and go on. */
  measured?(
    config: ScheduleConfig,
    state: ScheduleState,
    metric: number,
    direction: "min" | "max",
  ): ScheduleState;
}

/** What a schedule remembers of the epochs measured so far. */
export interface ScheduleState {
  readonly base: number;
  /** The best metric; undefined before the first. */
  readonly best?: number;
  /** Epochs since it was improved. */
  readonly badEpochs: number;
  /** Epochs left in which nothing is counted. */
  readonly coolingDown: number;
}
