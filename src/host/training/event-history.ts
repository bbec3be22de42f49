import type { TrainingEvent } from "../../protocol/training.ts";

/** A page draws fewer points than this anyway, and a reopened page gets all that is kept. */
const defaultLimit = 20_000;

/**
 * What a run has told, kept for pages that open later. Epochs are kept all; of a very long run's
 * steps every second one is dropped, as often as needed.
 */
export class EventHistory {
  readonly #limit: number;
  #events: TrainingEvent[] = [];
  #steps = 0;
  #stride = 1;

  constructor(limit = defaultLimit) {
    this.#limit = limit;
  }

  get events(): readonly TrainingEvent[] {
    return this.#events;
  }

  add(event: TrainingEvent): void {
    if (event.event === "start") {
      this.#events = [];
      this.#steps = 0;
      this.#stride = 1;
    }
    if (event.event === "step") {
      if (event.step % this.#stride !== 0) return;
      this.#steps++;
    }
    this.#events.push(event);
    if (this.#steps > this.#limit) this.#thin();
  }

  #thin(): void {
    this.#stride *= 2;
    this.#events = this.#events.filter(
      (event) => event.event !== "step" || event.step % this.#stride === 0,
    );
    this.#steps = this.#events.filter(({ event }) => event === "step").length;
  }
}
