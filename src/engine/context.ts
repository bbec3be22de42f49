import type { ProgressNotification } from "../protocol/engine.ts";
import type { TrainingEvent } from "../protocol/training.ts";

/** What a request may use while it runs, besides its parameters. */
export interface RequestContext {
  /** Aborted when the user cancels. */
  readonly signal: AbortSignal;
  progress(notification: ProgressNotification): void;
  trainingEvent(event: TrainingEvent): void;
}

/** Thrown by work that was cancelled and has no partial result to keep. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";

  constructor() {
    super("Cancelled.");
  }
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new Cancelled();
}
