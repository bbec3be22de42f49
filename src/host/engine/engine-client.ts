import { type CancellationToken, Emitter, type Event } from "vscode-jsonrpc/node";
import {
  type EngineMethod,
  type EngineParams,
  type EngineResult,
  PROGRESS,
  type ProgressNotification,
  TRAINING_EVENT,
  type TrainingNotification,
} from "../../protocol/engine.ts";
import type { Log } from "../log.ts";
import { CancelledError, EngineStoppedError } from "./engine-error.ts";
import { type EngineLaunch, EngineProcess } from "./engine-process.ts";
import { phraseOf } from "./work-phrases.ts";

export interface RequestOptions {
  readonly token?: CancellationToken;
  readonly onProgress?: (progress: ProgressNotification) => void;
}

/** A crash this long after the one before is no longer part of a series. */
const calmAfter = 60_000;
const firstBackoff = 200;
const longestBackoff = 5_000;

/**
 * Asks the engine process, starts it when first needed, and again after a crash.
 *
 * Every request but `train` says all that it needs, so one that a crash interrupted is repeated
 * once. One client is one process: each training run has a client of its own.
 */
export class EngineClient {
  readonly #crashed = new Emitter<string>();
  readonly #activity = new Emitter<string | undefined>();
  readonly #training = new Emitter<TrainingNotification>();
  /** The process ended by itself; the value says how. */
  readonly onDidCrash: Event<string> = this.#crashed.event;
  /** What the engine does now, as a short phrase; undefined when it rests. */
  readonly onDidChangeActivity: Event<string | undefined> = this.#activity.event;
  readonly onTrainingEvent: Event<TrainingNotification> = this.#training.event;

  readonly #launch: EngineLaunch;
  readonly #log: Log;
  readonly #requests = new Set<RequestOptions & { readonly phrase: string }>();
  #process: EngineProcess | undefined;
  #crashes = 0;
  #lastCrash = 0;
  #disposed = false;

  constructor(launch: EngineLaunch, log: Log) {
    this.#launch = launch;
    this.#log = log;
  }

  async request<M extends EngineMethod>(
    method: M,
    params: EngineParams<M>,
    options: RequestOptions = {},
  ): Promise<EngineResult<M>> {
    const entry = { ...options, phrase: phraseOf(method) };
    this.#requests.add(entry);
    this.#activity.fire(entry.phrase);
    const started = Date.now();
    try {
      const result = await this.#ask(method, params, options.token);
      this.#log.info(`${method}: ${Date.now() - started} ms`);
      return result;
    } catch (error) {
      this.#log.warn(`${method}: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    } finally {
      this.#requests.delete(entry);
      this.#activity.fire([...this.#requests].at(-1)?.phrase);
    }
  }

  /** Ends the process; the next request starts a new one. */
  restart(): void {
    this.#crashes = 0;
    this.#process?.stop();
    this.#process = undefined;
  }

  /**
   * Ends the process in the middle of its work; cancelled requests end as cancelled.
   *
   * @returns its number.
   */
  kill(): number | undefined {
    const killed = this.#process?.processId;
    this.#process?.kill();
    return killed;
  }

  dispose(): void {
    this.#disposed = true;
    this.#process?.stop();
    this.#process = undefined;
    for (const emitter of [this.#crashed, this.#activity, this.#training]) emitter.dispose();
  }

  async #ask<M extends EngineMethod>(
    method: M,
    params: EngineParams<M>,
    token: CancellationToken | undefined,
  ): Promise<EngineResult<M>> {
    for (let attempt = 1; ; attempt++) {
      await this.#backOff();
      if (token?.isCancellationRequested || this.#disposed) throw new CancelledError();
      const running = this.#running();
      const answer: Promise<EngineResult<M>> =
        token === undefined
          ? running.connection.sendRequest(method, params)
          : running.connection.sendRequest(method, params, token);
      const outcome = await Promise.race([
        answer.then((result) => ({ result })).catch((error: unknown) => ({ error })),
        running.ended.then((cause) => ({ cause })),
      ]);
      if ("result" in outcome) return outcome.result;
      // A connection that breaks fails its requests a moment before the process is seen to end.
      const cause = "cause" in outcome ? outcome.cause : await endedSoon(running);
      if (cause === undefined) throw (outcome as { error: unknown }).error;
      if (this.#disposed || token?.isCancellationRequested) throw new CancelledError();
      if (method === "train" || attempt === 2)
        throw new EngineStoppedError(phraseOf(method), cause);
    }
  }

  #running(): EngineProcess {
    if (this.#process !== undefined) return this.#process;
    const started = new EngineProcess(this.#launch, this.#log);
    this.#process = started;
    this.#log.info(`engine started, process ${started.processId ?? "?"}`);
    started.connection.onNotification(PROGRESS, (progress: ProgressNotification) => {
      this.#activity.fire(progress.message);
      for (const request of this.#requests) request.onProgress?.(progress);
    });
    started.connection.onNotification(TRAINING_EVENT, (event: TrainingNotification) =>
      this.#training.fire(event),
    );
    void started.ended.then((cause) => this.#ended(started, cause));
    return started;
  }

  #ended(ended: EngineProcess, cause: string): void {
    if (this.#process === ended) this.#process = undefined;
    if (ended.stopping || this.#disposed) return;
    const now = Date.now();
    this.#crashes = now - this.#lastCrash > calmAfter ? 1 : this.#crashes + 1;
    this.#lastCrash = now;
    this.#log.error(`engine stopped unexpectedly: ${cause}`);
    this.#crashed.fire(cause);
  }

  /** The first restart is immediate; a process that keeps dying is not started in a tight loop. */
  async #backOff(): Promise<void> {
    if (this.#process !== undefined || this.#crashes < 2) return;
    const pause = Math.min(firstBackoff * 2 ** (this.#crashes - 2), longestBackoff);
    const remaining = this.#lastCrash + pause - Date.now();
    if (remaining > 0) await new Promise<void>((resolve) => setTimeout(resolve, remaining));
  }
}

function endedSoon(process: EngineProcess): Promise<string | undefined> {
  const patience = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), 100);
  });
  return Promise.race([process.ended, patience]);
}
