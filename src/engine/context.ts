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

/** True for the work's own Cancelled and for what an aborted signal throws. */
export function isCancelled(error: unknown): boolean {
  return error instanceof Cancelled || (error instanceof Error && error.name === "AbortError");
}

/** How a save hears of cancelling and tells how far it is. */
export function savingIn({ signal, progress }: RequestContext) {
  return { signal, onProgress: (fraction: number) => progress({ message: "Saving", fraction }) };
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new Cancelled();
}
