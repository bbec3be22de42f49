import { basename } from "node:path";
import * as vscode from "vscode";
import type { TechniqueDescription } from "../../protocol/engine.ts";
import type { TrainingConfig, TrainingEvent } from "../../protocol/training.ts";
import type { FromTrainingPage, ToTrainingPage } from "../../protocol/training-page.ts";
import { isCancellation, sentenceOf } from "../engine/engine-error.ts";
import { shownName } from "../model/shown-name.ts";
import { type PageName, pageHtml, pageOptions } from "../page-html.ts";
import { saveBytes } from "../save-file.ts";
import { Batcher } from "./batcher.ts";
import type { RunResults } from "./run-results.ts";
import type { TrainingRun } from "./training-run.ts";

const batchInterval = 100;
const page: PageName = { bundle: "train", element: "normlens-training-page", title: "NormLens" };

export interface PanelParts {
  readonly extensionUri: vscode.Uri;
  readonly results: RunResults;
  /** The passes that may come before training. */
  readonly passes: () => Promise<readonly TechniqueDescription[]>;
  /** What the form starts with. */
  readonly config: () => TrainingConfig;
  /** Starts the run; resolves when it ended. */
  readonly start: (run: TrainingRun, config: TrainingConfig) => Promise<void>;
  /** Opens the page of the data set, for the model as it is now. */
  readonly previewData: (run: TrainingRun, config: TrainingConfig) => void;
  /** Goes on with the run; resolves when it ended. */
  readonly resume: (run: TrainingRun) => Promise<void>;
}

/** The page of one training run: its messages and nothing else; the run lives on without it. */
export class TrainingPanel {
  readonly panel: vscode.WebviewPanel;
  readonly #run: TrainingRun;
  readonly #parts: PanelParts;
  readonly #batcher: Batcher<TrainingEvent>;
  #ready = false;

  constructor(panel: vscode.WebviewPanel, run: TrainingRun, parts: PanelParts) {
    this.panel = panel;
    this.#run = run;
    this.#parts = parts;
    this.#batcher = new Batcher(batchInterval, (events) => this.#post({ type: "events", events }));
    const subscriptions = [
      run.onEvent((event) => {
        // A page that is not there gets the whole history when it comes.
        if (!this.#ready) return;
        this.#batcher.add(event);
        // Who pressed Stop is waiting for it.
        if (event.event === "stop") this.#batcher.flush();
      }),
      run.onDidChangeStatus((outcome) => {
        this.#batcher.flush();
        this.#post({ type: "status", ...outcome });
      }),
      panel.webview.onDidReceiveMessage((message: FromTrainingPage) => void this.#receive(message)),
    ];
    panel.onDidDispose(() => {
      this.#ready = false;
      this.#batcher.dispose();
      for (const subscription of subscriptions) subscription.dispose();
    });
    panel.webview.options = pageOptions(parts.extensionUri);
    panel.webview.html = pageHtml(panel.webview, parts.extensionUri, page);
  }

  async #receive(message: FromTrainingPage): Promise<void> {
    try {
      const notice = await this.#answer(message);
      if (notice !== undefined) this.#post({ type: "notice", message: notice });
    } catch (error) {
      if (!isCancellation(error)) this.#post({ type: "notice", message: sentenceOf(error) });
    }
  }

  /** Does what the page asks; a returned sentence is shown there. */
  async #answer(message: FromTrainingPage): Promise<string | undefined> {
    switch (message.type) {
      case "ready":
        this.#ready = true;
        this.#initialize();
        return undefined;
      case "start":
        await this.#parts.start(this.#run, message.config);
        return undefined;
      case "resumeRun":
        await this.#parts.resume(this.#run);
        return undefined;
      case "pause":
      case "resume":
        await this.#run.setPaused(message.type === "pause");
        return undefined;
      case "stop":
        this.#run.stop();
        return undefined;
      case "chooseData":
        await this.#chooseData();
        return undefined;
      case "previewData":
        this.#parts.previewData(this.#run, message.config);
        return undefined;
      case "saveModel":
        return this.#parts.results.saveModel(this.#run);
      case "foldAndSave":
        return this.#parts.results.foldAndSave(this.#run);
      case "applyWeights":
        return this.#parts.results.applyWeights(this.#run);
      case "exportReport":
        return this.#parts.results.exportReport(this.#run);
      case "saveFile": {
        const { suggestedName, content } = message;
        const target = await saveBytes(this.#run.model, suggestedName, content);
        return target && vscode.l10n.t("Saved {0}.", basename(target.path));
      }
    }
  }

  #initialize(): void {
    this.#batcher.flush();
    this.#post({
      type: "init",
      model: this.#run.model.toString(),
      fileName: shownName(this.#run.model),
      config: this.#parts.config(),
      events: this.#run.events,
      ...this.#run.outcome,
    });
    void this.#tellTechniques();
  }

  /** Without them the form offers no passes; what is wrong with the engine a run would tell. */
  async #tellTechniques(): Promise<void> {
    const passes = await this.#parts.passes().catch(() => undefined);
    if (passes !== undefined) this.#post({ type: "techniques", passes });
  }

  async #chooseData(): Promise<void> {
    const [chosen] =
      (await vscode.window.showOpenDialog({
        title: vscode.l10n.t("Choose a data set: a file, or a folder with a folder per class"),
        canSelectFiles: true,
        canSelectFolders: true,
        defaultUri: vscode.Uri.joinPath(this.#run.model, ".."),
      })) ?? [];
    if (chosen !== undefined) this.#post({ type: "data", data: chosen.fsPath });
  }

  #post(message: ToTrainingPage): void {
    if (this.#ready) void this.panel.webview.postMessage(message);
  }
}
