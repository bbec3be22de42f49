import { basename } from "node:path";
import * as vscode from "vscode";
import type { FromDataPage, ToDataPage } from "../../protocol/data-page.ts";
import type { DataReport } from "../../protocol/data-report.ts";
import type { DataRequest } from "../../protocol/engine.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { isCancellation, sentenceOf } from "../engine/engine-error.ts";
import { type PageName, pageHtml, pageIcon, pageOptions } from "../page-html.ts";
import { saveBytes } from "../save-file.ts";

export const DATA_PANEL = "normlens.data";
const page: PageName = { bundle: "data", element: "normlens-data-page", title: "NormLens" };

type State =
  | { readonly kind: "reading" }
  | { readonly kind: "read"; readonly report: DataReport }
  | { readonly kind: "failed"; readonly message: string };

/** The page of one data set. Closing it ends the reading. */
export class DataPanel {
  readonly #engine: EngineClient;
  readonly #panel: vscode.WebviewPanel;
  #request: DataRequest;
  #reading = new vscode.CancellationTokenSource();
  #state: State = { kind: "reading" };
  #ready = false;

  constructor(extensionUri: vscode.Uri, engine: EngineClient, request: DataRequest) {
    this.#engine = engine;
    this.#request = request;
    this.#panel = vscode.window.createWebviewPanel(
      DATA_PANEL,
      vscode.l10n.t("Data {0}", basename(request.data)),
      vscode.ViewColumn.Active,
      pageOptions(extensionUri),
    );
    this.#panel.iconPath = pageIcon(extensionUri, "data");
    const { webview } = this.#panel;
    webview.onDidReceiveMessage((message: FromDataPage) => void this.#receive(message));
    this.#panel.onDidDispose(() => {
      this.#ready = false;
      this.#reading.cancel();
      this.#reading.dispose();
    });
    webview.html = pageHtml(webview, extensionUri, page);
    void this.#read();
  }

  async #receive(message: FromDataPage): Promise<void> {
    switch (message.type) {
      case "ready":
        this.#ready = true;
        this.#show();
        return;
      case "readAgain": {
        const { model, ...alone } = this.#request;
        this.#request = message.withModel ? this.#request : alone;
        await this.#read();
        return;
      }
      case "saveFile":
        await this.#save(message.suggestedName, message.content);
    }
  }

  async #read(): Promise<void> {
    this.#reading.cancel();
    this.#reading.dispose();
    const reading = new vscode.CancellationTokenSource();
    this.#reading = reading;
    this.#become({ kind: "reading" });
    try {
      const report = await this.#engine.request("examineData", this.#request, {
        token: reading.token,
        onProgress: ({ fraction }) => {
          if (fraction !== undefined) this.#post({ type: "progress", fraction });
        },
      });
      this.#become({ kind: "read", report });
    } catch (error) {
      if (!isCancellation(error)) this.#become({ kind: "failed", message: sentenceOf(error) });
    }
  }

  async #save(suggestedName: string, content: ArrayBuffer): Promise<void> {
    try {
      const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
      const beside = this.#request.model?.path;
      const place =
        beside === undefined
          ? vscode.Uri.joinPath(folder ?? vscode.Uri.file("/"), "data")
          : vscode.Uri.file(beside);
      const target = await saveBytes(place, suggestedName, content);
      if (target === undefined) return;
      this.#post({ type: "notice", message: vscode.l10n.t("Saved {0}.", basename(target.path)) });
    } catch (error) {
      this.#post({ type: "notice", message: sentenceOf(error) });
    }
  }

  #become(state: State): void {
    this.#state = state;
    this.#show();
  }

  /** A page that was hidden comes back empty, and gets all that there is. */
  #show(): void {
    const { data, model } = this.#request;
    const about = model === undefined ? {} : { model: basename(model.path) };
    if (this.#state.kind === "read") this.#post({ type: "report", report: this.#state.report });
    else this.#post({ type: "reading", data: basename(data), ...about });
    if (this.#state.kind === "failed") this.#post({ type: "failed", message: this.#state.message });
  }

  #post(message: ToDataPage): void {
    if (this.#ready) void this.#panel.webview.postMessage(message);
  }
}
