import { dirname } from "node:path";
import * as vscode from "vscode";
import type { DocumentRequest, TrainRequest, TrainResult } from "../../protocol/engine.ts";
import type { TrainingConfig, TrainingEvent } from "../../protocol/training.ts";
import type { RunStatus } from "../../protocol/training-page.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { isCancellation, sentenceOf } from "../engine/engine-error.ts";
import { counted } from "../model/edits.ts";
import { EventHistory } from "./event-history.ts";
import { bestModelOf, readEvents } from "./run-files.ts";

/** An engine that has not answered Cancel after so many milliseconds is inside a long step. */
const cancelPatience = 80;

export interface RunOutcome {
  readonly status: RunStatus;
  readonly message?: string;
}

/** What is remembered of a run when the window closes. */
export interface RunRecord {
  readonly config: TrainingConfig;
  readonly run?: string;
  /** False while it trains: found so after a reload, it was cut off. */
  readonly ended: boolean;
}

/**
 * Training of one model. It goes on while its page is hidden or closed, in an engine process of
 * its own, so that a crash of training takes no document down, and so that it can be killed: a step
 * may take seconds, and cannot be interrupted otherwise. What the run leaves is on the disk then.
 */
export class TrainingRun {
  readonly model: vscode.Uri;
  readonly #createEngine: () => EngineClient;
  readonly #documents: Pick<EngineClient, "request">;
  readonly #history = new EventHistory();
  readonly #statusChanged = new vscode.EventEmitter<RunOutcome>();
  readonly #told = new vscode.EventEmitter<TrainingEvent>();
  readonly #recorded = new vscode.EventEmitter<RunRecord>();
  readonly onDidChangeStatus = this.#statusChanged.event;
  readonly onEvent = this.#told.event;
  readonly onRecord = this.#recorded.event;

  #outcome: RunOutcome = { status: "idle" };
  #engine: EngineClient | undefined;
  #cancel: vscode.CancellationTokenSource | undefined;
  #patience: NodeJS.Timeout | undefined;
  /** Number of the process that did not hear of Cancel. */
  #killed: number | undefined;
  #tensorFlow = false;
  /** The process has told the run's folder. */
  #begun = false;
  #run: string | undefined;
  #bestModel: string | undefined;

  /**
   * @param createEngine makes the process that one run uses.
   * @param documents the engine that is there without a run; it ends one whose process was killed.
   */
  constructor(
    model: vscode.Uri,
    createEngine: () => EngineClient,
    documents: Pick<EngineClient, "request">,
  ) {
    this.model = model;
    this.#createEngine = createEngine;
    this.#documents = documents;
  }

  get outcome(): RunOutcome {
    return this.#outcome;
  }

  get events(): readonly TrainingEvent[] {
    return this.#history.events;
  }

  get active(): boolean {
    return ["starting", "running", "paused", "stopping"].includes(this.#outcome.status);
  }

  get bestModel(): string | undefined {
    return this.#bestModel ?? (this.#run === undefined ? undefined : bestModelOf(this.#run));
  }

  /** The folder of the run, once it is known. */
  get folder(): string | undefined {
    return this.#run;
  }

  /** Trains to the end; never throws, the outcome tells. */
  async start(document: DocumentRequest, config: TrainingConfig, runs: string): Promise<void> {
    if (this.active) return;
    this.#run = undefined;
    this.#bestModel = undefined;
    await this.#train({ ...document, config, runs });
  }

  /** Goes on with the run, whose folder tells its options; never throws, the outcome tells. */
  async resume(document: DocumentRequest, config: TrainingConfig): Promise<void> {
    const folder = this.#run;
    if (this.active || folder === undefined) return;
    await this.#train({ ...document, config, runs: dirname(folder), resume: folder });
  }

  async #train(request: TrainRequest): Promise<void> {
    const { config } = request;
    const engine = this.#createEngine();
    const cancel = new vscode.CancellationTokenSource();
    this.#engine = engine;
    this.#cancel = cancel;
    this.#killed = undefined;
    this.#begun = false;
    this.#tensorFlow = config.engine === "tensorflow";
    this.#setOutcome({ status: "starting" });
    this.#recorded.fire({ config, ended: false, ...runOf(this.#run) });
    engine.onTrainingEvent((event) => this.#hear(event));
    try {
      this.#finish(await this.#result(engine, request, cancel.token));
    } catch (error) {
      if (isCancellation(error)) this.#setOutcome({ status: "finished", message: nothingKept() });
      else this.#setOutcome({ status: "failed", message: sentenceOf(error) });
    } finally {
      clearTimeout(this.#patience);
      this.#recorded.fire({ config, ended: true, ...runOf(this.#run) });
      this.#engine = undefined;
      this.#cancel = undefined;
      engine.dispose();
      cancel.dispose();
    }
  }

  /** Trains; where the process was killed as it did not hear of Cancel, the run is ended after it. */
  async #result(
    engine: EngineClient,
    request: TrainRequest,
    token: vscode.CancellationToken,
  ): Promise<Partial<TrainResult>> {
    try {
      return await engine.request("train", request, { token });
    } catch (error) {
      const [run, process] = [this.#run, this.#killed];
      if (process === undefined || !this.#begun || run === undefined) throw error;
      const { events, ...ended } = await this.#documents.request("endKilledRun", { run, process });
      for (const event of events) this.#hear(event);
      return ended;
    }
  }

  async setPaused(paused: boolean): Promise<void> {
    if (this.#outcome.status !== (paused ? "running" : "paused")) return;
    await this.#engine?.request("pauseTraining", { paused });
    if (this.active) this.#setOutcome({ status: paused ? "paused" : "running" });
  }

  /** Ends the run early; what was best so far is kept. */
  stop(): void {
    if (!this.active || this.#outcome.status === "stopping") return;
    this.#setOutcome({ status: "stopping" });
    this.#cancel?.cancel();
    // TensorFlow trains in a process of the engine's, which hears of it and kills that one.
    if (this.#tensorFlow) return;
    this.#patience = setTimeout(() => {
      this.#killed = this.#engine?.kill();
    }, cancelPatience);
  }

  /** Shows a run of an earlier window again. */
  async restore({ run, ended }: RunRecord): Promise<void> {
    if (run === undefined || this.active) return;
    this.#run = run;
    for (const event of await readEvents(run)) this.#history.add(event);
    if (!ended && !this.events.some(({ event }) => event === "stop")) {
      this.#history.add(cutOff(this.events, run));
    }
    this.#setOutcome({ status: "finished" });
  }

  dispose(): void {
    this.#engine?.dispose();
    this.#statusChanged.dispose();
    this.#told.dispose();
    this.#recorded.dispose();
  }

  #hear(event: TrainingEvent): void {
    this.#history.add(event);
    this.#told.fire(event);
    // Cancel was heard; what is saved now may take its time.
    if (event.event === "stop") clearTimeout(this.#patience);
    if (event.event !== "start") return;
    const { config, run } = event;
    this.#run = run;
    this.#begun = true;
    this.#tensorFlow = config.engine === "tensorflow";
    this.#recorded.fire({ config, ended: false, run });
    if (this.#outcome.status === "starting") this.#setOutcome({ status: "running" });
  }

  #finish({ run, bestModel }: Partial<TrainResult>): void {
    this.#run = run;
    this.#bestModel = bestModel;
    const stop = this.events.find((event) => event.event === "stop");
    const message = stop?.sentence;
    this.#setOutcome({ status: "finished", ...(message === undefined ? {} : { message }) });
  }

  #setOutcome(outcome: RunOutcome): void {
    this.#outcome = outcome;
    this.#statusChanged.fire(outcome);
  }
}

function runOf(run: string | undefined) {
  return run === undefined ? {} : { run };
}

function nothingKept(): string {
  return vscode.l10n.t("Stopped before the first epoch was done; there is nothing to keep.");
}

/** The end that a run could not tell itself, as its process ended with the window. */
function cutOff(events: readonly TrainingEvent[], run: string): TrainingEvent {
  const epochs = events.filter((event) => event.event === "epoch");
  return {
    event: "stop",
    reason: "cancelled",
    epochs: epochs.length,
    bestEpoch: epochs.findLast(({ best }) => best)?.epoch ?? 0,
    sentence: vscode.l10n.t(
      "Training ended with the window it ran in, after {0}. The best model until then is best.onnx in {1}.",
      counted(epochs.length, "epoch"),
      run,
    ),
  };
}
