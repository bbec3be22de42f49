import { basename } from "node:path";
import * as vscode from "vscode";
import type { FromModelPage, PassSelection, ToModelPage } from "../../protocol/model-page.ts";
import { isCancellation, sentenceOf } from "../engine/engine-error.ts";
import type { ReportProgress } from "../progress.ts";
import { saveBytes } from "../save-file.ts";
import { requireTrust } from "../trust.ts";
import { applyPass } from "./apply-pass.ts";
import type { DocumentState, ModelDocument } from "./model-document.ts";

/** One page of a document. VS Code may throw the page away while it is hidden and load it again. */
class ModelPage {
  readonly #document: ModelDocument;
  readonly #webview: vscode.Webview;
  readonly #subscriptions: vscode.Disposable[];
  #ready = false;
  #waiting: ToModelPage[] = [];
  #work: vscode.CancellationTokenSource | undefined;
  #selecting: vscode.CancellationTokenSource | undefined;

  constructor(document: ModelDocument, panel: vscode.WebviewPanel) {
    this.#document = document;
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
        void this.#working((token, report) => this.#preview(message.request, token, report));
        return;
      case "apply":
        void this.#working((token, onProgress) => this.#apply(message.request, token, onProgress));
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

  async #preview(
    request: PassSelection,
    token: vscode.CancellationToken,
    onProgress: ReportProgress,
  ): Promise<void> {
    const report = await this.#document.preview(request, true, token, onProgress);
    this.post({ type: "preview", request, report });
  }

  async #apply(
    request: PassSelection,
    token: vscode.CancellationToken,
    onProgress: ReportProgress,
  ): Promise<void> {
    if (await requireTrust(vscode.l10n.t("Changing a model"))) {
      await applyPass(this.#document, request, { token, onProgress });
    }
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
    } catch (error) {
      if (!isCancellation(error)) this.post({ type: "problem", message: sentenceOf(error) });
    } finally {
      if (this.#work === work) this.post({ type: "idle" });
      work.dispose();
    }
  }

  #dispose(): void {
    this.#work?.cancel();
    this.#selecting?.cancel();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}

/** Connects a panel with its document; the page lives as long as the panel does. */
export function showDocument(document: ModelDocument, panel: vscode.WebviewPanel): void {
  new ModelPage(document, panel);
}

const commandOf = {
  undo: "normlens.undoModelEdit",
  openAsText: "normlens.openAsText",
  train: "normlens.train",
} as const;
