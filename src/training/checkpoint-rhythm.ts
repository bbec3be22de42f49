import type { TrainingConfig } from "../protocol/training.ts";

/** A checkpoint takes at most this share of the time, also where the disk is slow. */
const LARGEST_SHARE = 0.05;

/** Says when a checkpoint is due, as config.checkpoint asks. What is computed never depends on it. */
export class CheckpointRhythm {
  readonly #config: TrainingConfig["checkpoint"];
  readonly #now: () => number;
  #last: number;
  #pause: number;

  /** @param now the time in milliseconds. */
  constructor(config: TrainingConfig["checkpoint"], now: () => number = () => performance.now()) {
    this.#config = config;
    this.#now = now;
    this.#last = now();
    this.#pause = config.leastSeconds * 1000;
  }

  /** @param steps done in the whole run. */
  dueAfterStep(steps: number): boolean {
    const { everySteps, everySeconds } = this.#config;
    const due = everySteps > 0 && steps % everySteps === 0;
    const late = everySeconds > 0 && this.#now() - this.#last >= everySeconds * 1000;
    return (due || late) && this.#longEnough();
  }

  /** @param epoch the one that has just ended, from 1. */
  dueAfterEpoch(epoch: number): boolean {
    const { everyEpochs } = this.#config;
    return everyEpochs > 0 && epoch % everyEpochs === 0 && this.#longEnough();
  }

  async write(work: () => Promise<void>): Promise<void> {
    const start = this.#now();
    await work();
    this.#last = this.#now();
    const { leastSeconds } = this.#config;
    const taken = leastSeconds === 0 ? 0 : (this.#last - start) / LARGEST_SHARE;
    this.#pause = Math.max(leastSeconds * 1000, taken);
  }

  #longEnough(): boolean {
    return this.#now() - this.#last >= this.#pause;
  }
}
