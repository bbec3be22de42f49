/** Lets a running training wait between two steps until it is resumed or cancelled. */
export class PauseSwitch {
  #paused = false;
  #wake: (() => void) | undefined;
  #follower: ((paused: boolean) => void) | undefined;

  set(paused: boolean): void {
    this.#paused = paused;
    this.#follower?.(paused);
    if (!paused) this.#wake?.();
  }

  /** Resolves at once while not paused. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#paused || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#wake = undefined;
  }

  /** Tells a training in another process. @returns what ends that. */
  follow(follower: (paused: boolean) => void): () => void {
    this.#follower = follower;
    return () => {
      this.#follower = undefined;
    };
  }
}
