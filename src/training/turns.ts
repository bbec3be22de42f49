import { setImmediate } from "node:timers/promises";

/** The longest that work goes on without the event loop getting its turn, in milliseconds. */
const LONGEST_TURN = 50;

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
  #last = performance.now();

  constructor(readonly signal: AbortSignal) {}

  /** @returns whether the work was cancelled. */
  async cancelled(): Promise<boolean> {
    if (performance.now() - this.#last > LONGEST_TURN) {
      await setImmediate();
      this.#last = performance.now();
    }
    return this.signal.aborted;
  }

  /** Lets a pause pass as well. @returns whether the work was cancelled, before the pause or in it. */
  async cancelledOrPaused(isPaused: () => Promise<void> | void): Promise<boolean> {
    if (await this.cancelled()) return true;
    const pause = isPaused();
    if (pause !== undefined) await endOrAbort(pause, this.signal);
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
