/** In milliseconds. */
const LONGEST_PAUSE = 30_000;

/**
 * Says when the weights of a run that has validated no epoch yet are worth a file: after the first
 * step, then each time the run has become twice as old, and every 30 seconds in the end. So half of
 * the work at most is lost where the run is killed.
 */
export class UnvalidatedRhythm {
  readonly #now: () => number;
  readonly #start: number;
  #next = 0;

  /** @param now the time in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#start = now();
  }

  /** Asked after a step; when true, the next time is later. */
  due(): boolean {
    const age = this.#now() - this.#start;
    if (age < this.#next) return false;
    this.#next = age + Math.min(age, LONGEST_PAUSE);
    return true;
  }
}
