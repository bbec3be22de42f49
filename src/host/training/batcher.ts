/** Passes items on in batches, the first at once and then at most one batch an interval. */
export class Batcher<Item> {
  readonly #interval: number;
  readonly #deliver: (items: readonly Item[]) => void;
  #waiting: Item[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(interval: number, deliver: (items: readonly Item[]) => void) {
    this.#interval = interval;
    this.#deliver = deliver;
  }

  add(item: Item): void {
    this.#waiting.push(item);
    if (this.#timer === undefined) this.#pass();
  }

  /** Delivers what waits, for example before a message that must come after it. */
  flush(): void {
    if (this.#waiting.length > 0) this.#pass();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #pass(): void {
    const items = this.#waiting;
    this.#waiting = [];
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting.length > 0) this.#pass();
    }, this.#interval);
    this.#deliver(items);
  }
}
