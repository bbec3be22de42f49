import * as vscode from "vscode";
import { DEFAULT_TRAINING_CONFIG } from "../../protocol/default-training-config.ts";
import type { TrainingConfig } from "../../protocol/training.ts";
import type { KeptModel } from "../../protocol/training-page.ts";
import { DataPanel } from "../data/data-panel.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import type { ModelDocuments } from "../model/model-documents.ts";
import { shownName } from "../model/shown-name.ts";
import { pageIcon } from "../page-html.ts";
import { runsFolder, trainingThreads } from "../settings.ts";
import type { TechniqueList } from "../techniques/technique-list.ts";
import { requireTrust } from "../trust.ts";
import { RunResults } from "./run-results.ts";
import { TrainingPanel } from "./training-panel.ts";
import { type RunRecord, TrainingRun } from "./training-run.ts";
import { TrainingStatus } from "./training-status.ts";

export const TRAINING_PANEL = "normlens.training";
const recordsKey = "normlens.trainingRuns";

/** Runs by model file, and the panels that show them. */
export class TrainingPanels implements vscode.WebviewPanelSerializer {
  readonly #context: vscode.ExtensionContext;
  readonly #documents: ModelDocuments;
  readonly #techniques: TechniqueList;
  readonly #results: RunResults;
  readonly #createEngine: () => EngineClient;
  readonly #engine: EngineClient;
  readonly #runs = new Map<string, TrainingRun>();
  readonly #panels = new Map<string, TrainingPanel>();
  readonly #status = new TrainingStatus();

  constructor(
    context: vscode.ExtensionContext,
    engine: EngineClient,
    documents: ModelDocuments,
    techniques: TechniqueList,
    createEngine: () => EngineClient,
  ) {
    this.#context = context;
    this.#documents = documents;
    this.#techniques = techniques;
    this.#results = new RunResults(engine, documents, context.extensionUri);
    this.#createEngine = createEngine;
    this.#engine = engine;
  }

  /** The run that Pause and Stop of the palette mean: the active panel's, else the one that runs. */
  get current(): TrainingRun | undefined {
    const runs = [...this.#runs.values()];
    return (
      runs.find(({ model }) => this.#panels.get(model.toString())?.panel.active) ??
      runs.find(({ active }) => active)
    );
  }

  open(model: vscode.Uri): void {
    const shown = this.#panels.get(model.toString());
    if (shown !== undefined) {
      shown.panel.reveal();
      return;
    }
    const panel = vscode.window.createWebviewPanel(
      TRAINING_PANEL,
      vscode.l10n.t("Train {0}", shownName(model)),
      vscode.ViewColumn.Active,
    );
    this.#attach(panel, this.#run(model));
  }

  /** After a reload: the panel comes back with what its run had told. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, kept: unknown): Promise<void> {
    const key = modelIn(kept);
    if (key === undefined || this.#panels.has(key)) {
      panel.dispose();
      return;
    }
    const run = this.#run(vscode.Uri.parse(key));
    this.#attach(panel, run);
    const record = this.#records()[key];
    if (record !== undefined && run.events.length === 0) await run.restore(record);
  }

  dispose(): void {
    this.#status.dispose();
    for (const run of this.#runs.values()) run.dispose();
  }

  #attach(panel: vscode.WebviewPanel, run: TrainingRun): void {
    const key = run.model.toString();
    panel.iconPath = pageIcon(this.#context.extensionUri, "training");
    const attached = new TrainingPanel(panel, run, {
      extensionUri: this.#context.extensionUri,
      results: this.#results,
      passes: async () => (await this.#techniques.all()).passes,
      config: () => this.#config(run.model),
      start: (started, config) => this.#start(started, config),
      previewData: (of, config) => this.#previewData(of, config),
      resume: (cutOff) => this.#resume(cutOff),
    });
    this.#panels.set(key, attached);
    if (this.#records()[key] === undefined) {
      void this.#remember(key, { config: this.#config(run.model), ended: true });
    }
    panel.onDidDispose(() => this.#panels.delete(key));
  }

  #run(model: vscode.Uri): TrainingRun {
    const key = model.toString();
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    const run = new TrainingRun(model, this.#createEngine, this.#engine);
    run.onRecord((record) => void this.#remember(key, record));
    this.#status.follow(run);
    this.#runs.set(key, run);
    return run;
  }

  async #start(run: TrainingRun, config: TrainingConfig): Promise<void> {
    if (!(await requireTrust(vscode.l10n.t("Training")))) return;
    const document = this.#documents.get(run.model)?.request();
    const request = document ?? { path: run.model.fsPath, edits: [] };
    await run.start(request, config, runsFolder(run.model, this.#context.globalStorageUri));
  }

  #previewData({ model }: TrainingRun, config: TrainingConfig): void {
    const { data, dataOptions, split, seed, inputScaling, loss } = config;
    new DataPanel(this.#context.extensionUri, this.#engine, {
      ...{ data, dataOptions, split, seed, inputScaling, loss },
      model: this.#documents.get(model)?.request() ?? { path: model.fsPath, edits: [] },
    });
  }

  async #resume(run: TrainingRun): Promise<void> {
    if (!(await requireTrust(vscode.l10n.t("Training")))) return;
    const document = this.#documents.get(run.model)?.request();
    await run.resume(document ?? { path: run.model.fsPath, edits: [] }, this.#config(run.model));
  }

  /** What this model was trained with last, else the defaults and the settings. */
  #config(model: vscode.Uri): TrainingConfig {
    const last = this.#records()[model.toString()]?.config;
    // What an earlier version remembered may lack options that there are now.
    const known = DEFAULT_TRAINING_CONFIG;
    return {
      ...known,
      threads: trainingThreads(model),
      ...last,
      optimizer: { ...known.optimizer, ...last?.optimizer },
      checkpoint: { ...known.checkpoint, ...last?.checkpoint },
    };
  }

  #records(): Readonly<Record<string, RunRecord>> {
    return this.#context.workspaceState.get<Record<string, RunRecord>>(recordsKey, {});
  }

  async #remember(key: string, record: RunRecord): Promise<void> {
    await this.#context.workspaceState.update(recordsKey, { ...this.#records(), [key]: record });
  }
}

function modelIn(kept: unknown): string | undefined {
  const { model } = (kept ?? {}) as Partial<KeptModel>;
  return typeof model === "string" && model !== "" ? model : undefined;
}
