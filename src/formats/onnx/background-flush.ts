import type { FileHandle } from "node:fs/promises";

/** The disk is asked to begin whenever this many bytes are new. */
const FLUSH_BYTES = 16 * 2 ** 20;

/**
 * Has the disk take up what is written while more is computed, so that little is left to the flush
 * at the end.
 */
export class BackgroundFlush {
  readonly #handle: FileHandle;
  #flushing: Promise<void> = Promise.resolve();
  #underWay = false;
  #newBytes = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Is told of bytes that the system has taken over. */
  wrote(count: number): void {
    this.#newBytes += count;
    if (this.#underWay || this.#newBytes < FLUSH_BYTES) return;
    this.#newBytes = 0;
    this.#underWay = true;
    this.#flushing = this.#flushing
      .then(() => this.#handle.datasync())
      .finally(() => {
        this.#underWay = false;
      });
    // Whoever waits for the end hears of a failure; until then it is not unhandled.
    this.#flushing.catch(() => undefined);
  }

  /**
   * Waits for what is under way. A failure has to be heard here, because the system tells of a
   * failed write once and has the next flush succeed.
   */
  finished(): Promise<void> {
    return this.#flushing;
  }
}
