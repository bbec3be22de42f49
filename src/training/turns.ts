import { setImmediate } from "node:timers/promises";

/** The longest that work goes on without the event loop getting its turn, in milliseconds. */
const LONGEST_TURN = 50;

/** Who cancels gives up waiting for an answer about so late, in milliseconds. */
const LONG_TURN = 80;

/** How long a run is taken to have long turns after the last one, in milliseconds. */
const MEMORY = 10_000;

/**
 * Between two pieces of work that block: messages come in, and cancelling ends the work.
 *
 * @throws the signal's reason where it was cancelled; for work with nothing to keep yet.
 */
export async function letCancel(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}

/** Lets messages in between pieces of work that block, so that cancelling is heard soon. */
export class Turns {
  readonly #now: () => number;
  #last: number;
  #lastLong = Number.NEGATIVE_INFINITY;

  /** @param now the time in milliseconds. */
  constructor(
    readonly signal: AbortSignal,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#last = now();
  }

  /** @returns whether the work was cancelled. */
  async cancelled(): Promise<boolean> {
    const turn = this.#now() - this.#last;
    if (turn > LONG_TURN) this.#lastLong = this.#now();
    if (turn > LONGEST_TURN) {
      await setImmediate();
      this.waited();
    }
    return this.signal.aborted;
  }

  /** The event loop has had its turn: something else was waited for, such as a file. */
  waited(): void {
    this.#last = this.#now();
  }

  /**
   * Whether a piece of work has lately taken so long that cancelling was not heard in time. Such a
   * run is killed when it is cancelled, so what it should leave must be on the disk.
   */
  get long(): boolean {
    return this.#now() - this.#lastLong < MEMORY;
  }

  /** Lets a pause pass as well. @returns whether the work was cancelled, before the pause or in it. */
  async cancelledOrPaused(isPaused: () => Promise<void> | void): Promise<boolean> {
    if (await this.cancelled()) return true;
    const pause = isPaused();
    if (pause !== undefined) {
      await endOrAbort(pause, this.signal);
      this.waited();
    }
    return this.signal.aborted;
  }
}

/** Waits for the pause to end, or for the cancellation that ends it; leaves no listener behind. */
function endOrAbort(pause: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      signal.removeEventListener("abort", end);
      resolve();
    };
    signal.addEventListener("abort", end);
    pause.then(end, reject);
  });
}
