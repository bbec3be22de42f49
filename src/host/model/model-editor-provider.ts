import * as vscode from "vscode";
import type { EngineClient } from "../engine/engine-client.ts";
import { isCancellation, sentenceOf } from "../engine/engine-error.ts";
import { type PageName, pageHtml, pageOptions } from "../page-html.ts";
import type { TechniqueRunner } from "../techniques/technique-runner.ts";
import { assertTrust } from "../trust.ts";
import { ModelDocument } from "./model-document.ts";
import { editorOf, type ModelDocuments } from "./model-documents.ts";
import { showDocument } from "./model-page.ts";
import { ModelWatcher } from "./model-watcher.ts";
import { removeOldCopies } from "./original-file.ts";

const page: PageName = { bundle: "model", element: "normlens-model-page", title: "NormLens" };

/** The custom editor for model files, whatever their format; one for each of VS Code's two ids. */
export class ModelEditorProvider implements vscode.CustomEditorProvider<ModelDocument> {
  readonly #context: vscode.ExtensionContext;
  readonly #engine: EngineClient;
  readonly #documents: ModelDocuments;
  readonly #runner: TechniqueRunner;
  readonly #edited = new vscode.EventEmitter<vscode.CustomDocumentEditEvent<ModelDocument>>();
  readonly onDidChangeCustomDocument = this.#edited.event;
  #cleaned = false;

  constructor(
    context: vscode.ExtensionContext,
    engine: EngineClient,
    documents: ModelDocuments,
    runner: TechniqueRunner,
  ) {
    this.#context = context;
    this.#engine = engine;
    this.#documents = documents;
    this.#runner = runner;
    context.subscriptions.push(this.#edited);
  }

  async openCustomDocument(
    uri: vscode.Uri,
    { backupId }: vscode.CustomDocumentOpenContext,
  ): Promise<ModelDocument> {
    const storage = this.#context.storageUri ?? this.#context.globalStorageUri;
    if (!this.#cleaned) {
      this.#cleaned = true;
      void removeOldCopies(storage).catch(() => undefined);
    }
    const document = await ModelDocument.open(uri, this.#engine, storage, backupId);
    document.onDidEdit((edit) => this.#edited.fire({ document, ...edit }));
    const watcher = new ModelWatcher(
      document,
      (message) => document.show({ type: "problem", message }),
      () => discardEdits(document),
    );
    document.onDidDispose(() => watcher.dispose());
    this.#documents.add(document);
    return document;
  }

  resolveCustomEditor(document: ModelDocument, panel: vscode.WebviewPanel): void {
    panel.webview.options = pageOptions(this.#context.extensionUri);
    showDocument(document, panel, this.#runner);
    panel.webview.html = pageHtml(panel.webview, this.#context.extensionUri, page);
    // VS Code knows the document only after this call has returned.
    setTimeout(() => document.announceRecovered());
  }

  async saveCustomDocument(document: ModelDocument, token: vscode.CancellationToken) {
    assertTrust(vscode.l10n.t("Saving a model"));
    await plainly(() => document.save(token));
  }

  async saveCustomDocumentAs(
    document: ModelDocument,
    target: vscode.Uri,
    token: vscode.CancellationToken,
  ): Promise<void> {
    assertTrust(vscode.l10n.t("Saving a model"));
    await plainly(() => document.saveAs(target, token));
  }

  async revertCustomDocument(document: ModelDocument): Promise<void> {
    await plainly(() => document.revert());
  }

  backupCustomDocument(
    document: ModelDocument,
    { destination }: vscode.CustomDocumentBackupContext,
  ): Promise<vscode.CustomDocumentBackup> {
    return document.backup(destination);
  }
}

/** Reverts through VS Code, so that its idea of the document's dirtiness changes too. */
async function discardEdits(document: ModelDocument): Promise<void> {
  await vscode.commands.executeCommand("vscode.openWith", document.uri, editorOf(document.uri));
  await vscode.commands.executeCommand("workbench.action.files.revert");
}

/** VS Code shows the message of what is thrown here: it is to be the sentence, nothing more. */
async function plainly(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isCancellation(error)) throw new vscode.CancellationError();
    throw new Error(sentenceOf(error));
  }
}
