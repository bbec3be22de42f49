import * as vscode from "vscode";
import { modelUriOf, TEXT_SCHEME } from "../text/text-uri.ts";
import type { ModelDocument } from "./model-document.ts";

/** The editor of .onnx files, which VS Code opens them with. */
export const MODEL_EDITOR = "normlens.modelEditor";
/** The same editor for files that have another one already: model.json, .keras, .h5. */
export const LAYERS_EDITOR = "normlens.layersEditor";

const editors: ReadonlySet<string> = new Set([MODEL_EDITOR, LAYERS_EDITOR]);

/** Reading a big model from a slow disk may take a while; a page that never comes must end too. */
const openLimit = 30_000;

/** The documents that are open in the model editor, by their file. */
export class ModelDocuments {
  readonly #documents = new Map<string, ModelDocument>();
  readonly #opened = new vscode.EventEmitter<ModelDocument>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidOpen = this.#opened.event;
  /** The model of this file is not what it was: edited, saved, reverted, opened or closed. */
  readonly onDidChange = this.#changed.event;

  add(document: ModelDocument): void {
    const key = document.uri.toString();
    this.#documents.set(key, document);
    document.onDidChangeState(() => this.#changed.fire(document.uri));
    document.onDidDispose(() => {
      this.#documents.delete(key);
      this.#changed.fire(document.uri);
    });
    this.#opened.fire(document);
  }

  get(uri: vscode.Uri): ModelDocument | undefined {
    return this.#documents.get(uri.toString());
  }

  all(): readonly ModelDocument[] {
    return [...this.#documents.values()];
  }

  /** The document, opened beside the active editor when it is not open: edits need an editor. */
  async obtain(uri: vscode.Uri): Promise<ModelDocument> {
    const document = this.get(uri) ?? (await this.#open(uri));
    if (document.state.kind === "loading") {
      await firstOf(document.onDidChangeState);
    }
    if (document.state.kind === "failed") throw new Error(document.state.message);
    return document;
  }

  dispose(): void {
    this.#opened.dispose();
    this.#changed.dispose();
  }

  async #open(uri: vscode.Uri): Promise<ModelDocument> {
    const opened = firstOf(
      this.onDidOpen,
      (document) => document.uri.toString() === uri.toString(),
    );
    const tab = modelTab(uri);
    const besideText = vscode.window.activeTextEditor?.document.uri.scheme === TEXT_SCHEME;
    await vscode.commands.executeCommand("vscode.openWith", uri, editorOf(uri), {
      viewColumn:
        tab?.group.viewColumn ?? (besideText ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active),
      preserveFocus: true,
      preview: false,
    });
    return opened;
  }
}

/** The editor that a model is in, or else would be opened with. */
export function editorOf(uri: vscode.Uri): string {
  const input = modelTab(uri)?.input;
  if (input instanceof vscode.TabInputCustom) return input.viewType;
  return /\.onnx$/i.test(uri.path) ? MODEL_EDITOR : LAYERS_EDITOR;
}

/** The tab that shows a model in the model editor; it may not have been looked at yet. */
export function modelTab(uri: vscode.Uri): vscode.Tab | undefined {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .find(
      ({ input }) =>
        input instanceof vscode.TabInputCustom &&
        editors.has(input.viewType) &&
        input.uri.toString() === uri.toString(),
    );
}

/** The model that the active tab is about: its page or its text view. */
export function activeModel(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof vscode.TabInputCustom && editors.has(input.viewType)) return input.uri;
  if (input instanceof vscode.TabInputText && input.uri.scheme === TEXT_SCHEME) {
    return modelUriOf(input.uri);
  }
  return undefined;
}

function firstOf<Value>(
  event: vscode.Event<Value>,
  accepts: (value: Value) => boolean = () => true,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      subscription.dispose();
      reject(new Error(vscode.l10n.t("The model did not open within 30 seconds.")));
    }, openLimit);
    const subscription = event((value) => {
      if (!accepts(value)) return;
      clearTimeout(timer);
      subscription.dispose();
      resolve(value);
    });
  });
}
