import type { TrainingEvent } from "../protocol/training.ts";

/**
 * What `train` and the process of its own that does the training tell each other. The process
 * prints by itself; this is about cancelling only: a step may block its process for seconds, and a
 * blocked process hears of nothing.
 */
export type ToSupervisor =
  /** From now on there is a folder that a killed run is ended in. */
  | { readonly type: "begun"; readonly run: string }
  /** Cancel was heard, or the run has come to its end; what follows may take its time. */
  | { readonly type: "stopped" };

export type FromSupervisor = { readonly type: "cancel" };

/** Set in the environment of the process that trains. */
export const TRAINING_PROCESS = "NORMLENS_TRAINING_PROCESS";

/** Whether this is the process that trains, rather than the one that a person has started. */
export function isTrainingProcess(): boolean {
  return process.env[TRAINING_PROCESS] === "1" && process.send !== undefined;
}

/** The training process' side. */
export interface Supervised {
  /** Aborted when the person cancels. */
  readonly signal: AbortSignal;
  /** Told every event, so that the supervisor knows where the run stands. */
  tell(event: TrainingEvent): void;
  /** This process hears of Cancel at any moment, as it has another one train and may kill that. */
  onlyRelays(): void;
}

export function underSupervision(): Supervised {
  const abort = new AbortController();
  const send = (message: ToSupervisor) => process.send?.(message);
  // Ctrl-C reaches every process of the terminal; whether it cancels or kills, the supervisor says.
  process.on("SIGINT", () => undefined);
  process.on("message", ({ type }: FromSupervisor) => {
    if (type === "cancel") abort.abort();
  });
  // Nobody would hear of the run any more; it can be resumed.
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  process.channel?.unref();
  return {
    signal: abort.signal,
    tell: (event) => {
      if (event.event === "start") send({ type: "begun", run: event.run });
      if (event.event === "stop") send({ type: "stopped" });
    },
    onlyRelays: () => abort.signal.addEventListener("abort", () => send({ type: "stopped" })),
  };
}
