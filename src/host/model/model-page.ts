import { basename } from "node:path";
import * as vscode from "vscode";
import type { FromModelPage, PassSelection, ToModelPage } from "../../protocol/model-page.ts";
import { isCancellation, sentenceOf } from "../engine/engine-error.ts";
import type { ReportProgress } from "../progress.ts";
import { saveBytes } from "../save-file.ts";
import type { Asking, TechniqueRunner } from "../techniques/technique-runner.ts";
import type { DocumentState, ModelDocument } from "./model-document.ts";

/** One page of a document. VS Code may throw the page away while it is hidden and load it again. */
class ModelPage {
  readonly #document: ModelDocument;
  readonly #runner: TechniqueRunner;
  readonly #webview: vscode.Webview;
  readonly #subscriptions: vscode.Disposable[];
  #ready = false;
  #waiting: ToModelPage[] = [];
  #work: vscode.CancellationTokenSource | undefined;
  #selecting: vscode.CancellationTokenSource | undefined;

  constructor(document: ModelDocument, panel: vscode.WebviewPanel, runner: TechniqueRunner) {
    this.#document = document;
    this.#runner = runner;
    this.#webview = panel.webview;
    this.#subscriptions = [
      panel.webview.onDidReceiveMessage((message: FromModelPage) => this.#receive(message)),
      document.onDidChangeState((state) => this.#showState(state)),
      document.onDidShow((message) => this.post(message)),
    ];
    panel.onDidDispose(() => this.#dispose());
  }

  /** A page that is still loading gets the message once it is ready. */
  post(message: ToModelPage): void {
    if (this.#ready) void this.#webview.postMessage(message);
    else this.#waiting.push(message);
  }

  #receive(message: FromModelPage): void {
    switch (message.type) {
      case "ready":
        this.#ready = true;
        this.#greet();
        return;
      case "select":
        void this.#select(message.index);
        return;
      case "preview":
        void this.#preview(message.request);
        return;
      case "apply":
        void this.#apply(message.request, "necessary");
        return;
      case "customize":
        void this.#apply(message.request, "everything");
        return;
      case "analyze":
        void vscode.commands.executeCommand(
          "normlens.analyzeModel",
          this.#document.uri,
          message.analysis,
        );
        return;
      case "openHelp":
        void vscode.commands.executeCommand("normlens.openHelp", message.help);
        return;
      case "openReport":
        void this.#runner.showReport(this.#document.uri, message.report);
        return;
      case "cancel":
        this.#work?.cancel();
        return;
      case "retry":
        void this.#document.refresh();
        return;
      case "saveFile":
        void this.#saveFile(message.suggestedName, message.content);
        return;
      case "undo":
      case "openAsText":
      case "train":
        void vscode.commands.executeCommand(commandOf[message.type], this.#document.uri);
    }
  }

  #greet(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#showState(this.#document.state);
    for (const message of waiting) this.post(message);
    void this.#tellTechniques();
  }

  #showState(state: DocumentState): void {
    if (!this.#ready) return;
    if (state.kind === "ready") {
      this.post({ type: "document", view: state.view, dirty: this.#document.dirty });
      return;
    }
    // A failure is about a file: the page has its name from the opening.
    const fileName = basename(this.#document.uri.path);
    this.post({ type: "opening", fileName, bytes: this.#document.bytes });
    if (state.kind === "failed") this.post({ type: "failed", message: state.message });
  }

  /** Only the last of several quick selections is answered. */
  async #select(index: number): Promise<void> {
    this.#selecting?.cancel();
    const selecting = new vscode.CancellationTokenSource();
    this.#selecting = selecting;
    try {
      const detail = await this.#document.nodeDetail(index, selecting.token);
      if (this.#selecting === selecting) this.post({ type: "nodeDetail", detail });
    } catch (error) {
      if (!isCancellation(error)) this.post({ type: "problem", message: sentenceOf(error) });
    } finally {
      selecting.dispose();
    }
  }

  /** Without them the page has no menus, and whatever is wrong the opening of the model tells. */
  async #tellTechniques(): Promise<void> {
    const techniques = await this.#runner.techniques.all().catch(() => undefined);
    if (techniques !== undefined) this.post({ type: "techniques", ...techniques });
  }

  async #preview(selection: PassSelection): Promise<void> {
    await this.#reporting(async () => {
      const request = await this.#runner.complete(this.#document, selection, "necessary");
      if (request === undefined) return;
      await this.#working(async (token, onProgress) => {
        const report = await this.#document.preview(request, true, token, onProgress);
        this.post({ type: "preview", request, report });
      });
    });
  }

  /** What is to be asked is asked first: the page shows progress only of work. */
  async #apply(selection: PassSelection, asking: Asking): Promise<void> {
    await this.#reporting(async () => {
      const request = await this.#runner.complete(this.#document, selection, asking);
      if (request === undefined) return;
      await this.#working((token, onProgress) =>
        this.#runner.change(this.#document, request, { token, onProgress }),
      );
    });
  }

  async #saveFile(suggestedName: string, content: ArrayBuffer): Promise<void> {
    try {
      const target = await saveBytes(this.#document.uri, suggestedName, content);
      if (target === undefined) return;
      const message = vscode.l10n.t("Saved {0}.", basename(target.path));
      this.post({ type: "notice", message });
    } catch (error) {
      this.post({ type: "problem", message: sentenceOf(error) });
    }
  }

  /** One preview or change at a time; a new one cancels the one before. */
  async #working(
    run: (token: vscode.CancellationToken, report: ReportProgress) => Promise<void>,
  ): Promise<void> {
    this.#work?.cancel();
    const work = new vscode.CancellationTokenSource();
    this.#work = work;
    this.post({ type: "busy", message: vscode.l10n.t("Comparing outputs") });
    try {
      await run(work.token, (progress) => this.post({ type: "busy", ...progress }));
    } finally {
      if (this.#work === work) this.post({ type: "idle" });
      work.dispose();
    }
  }

  /** A failure is told on the page; cancelling is silent. */
  async #reporting(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isCancellation(error)) this.post({ type: "problem", message: sentenceOf(error) });
    }
  }

  #dispose(): void {
    this.#work?.cancel();
    this.#selecting?.cancel();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}

/** Connects a panel with its document; the page lives as long as the panel does. */
export function showDocument(
  document: ModelDocument,
  panel: vscode.WebviewPanel,
  runner: TechniqueRunner,
): void {
  new ModelPage(document, panel, runner);
}

const commandOf = {
  undo: "normlens.undoModelEdit",
  openAsText: "normlens.openAsText",
  train: "normlens.train",
} as const;
