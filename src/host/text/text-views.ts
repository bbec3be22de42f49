import * as vscode from "vscode";
import type { DocumentView, TechniqueSite, TextView } from "../../protocol/engine.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { sentenceOf } from "../engine/engine-error.ts";
import type { ModelDocuments } from "../model/model-documents.ts";
import { modelUriOf, TEXT_SCHEME, textUriOf } from "./text-uri.ts";

/** What language features need to know of one text. */
export interface ModelText {
  readonly model: vscode.Uri;
  readonly view: TextView;
}

/**
 * The texts of models, made by the engine when VS Code reads them.
 *
 * They are files of a file system rather than read-only content, because VS Code shows no light
 * bulb in a read-only editor. Nothing can be written: typing is taken back (see text-guard.ts).
 */
export class TextViews implements vscode.FileSystemProvider {
  readonly #engine: EngineClient;
  readonly #documents: ModelDocuments;
  readonly #texts = new Map<string, TextView>();
  readonly #versions = new Map<string, number>();
  readonly #fileChanged = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly #read = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChangeFile = this.#fileChanged.event;
  /** A text was made; its language features may be asked again. */
  readonly onDidRead = this.#read.event;

  constructor(engine: EngineClient, documents: ModelDocuments) {
    this.#engine = engine;
    this.#documents = documents;
    documents.onDidChange((model) => this.#invalidate(textUriOf(model)));
  }

  /** The text that VS Code shows now, if it has been read. */
  get(uri: vscode.Uri): ModelText | undefined {
    const view = this.#texts.get(uri.toString());
    return view === undefined ? undefined : { model: modelUriOf(uri), view };
  }

  /** The node whose text the cursor is in. */
  nodeAt(editor: vscode.TextEditor | undefined): string | undefined {
    if (editor === undefined) return undefined;
    return this.nodeOf(editor.document.uri, editor.selection.active.line);
  }

  /** The node that a line belongs to. */
  nodeOf(uri: vscode.Uri, at: number): string | undefined {
    return this.get(uri)?.view.symbols.find(({ line, endLine }) => line <= at && at <= endLine)
      ?.name;
  }

  /** What the passes could do at a node. */
  async sitesAt(
    uri: vscode.Uri,
    node: string,
    token: vscode.CancellationToken,
  ): Promise<readonly TechniqueSite[]> {
    const request = { ...this.#request(uri), node };
    return (await this.#engine.request("sitesAt", request, { token })).sites;
  }

  /** The model behind a text: as edited when it is open, else as in the file. */
  async model(uri: vscode.Uri, token: vscode.CancellationToken): Promise<DocumentView> {
    const open = this.#documents.get(modelUriOf(uri));
    if (open?.state.kind === "ready") return open.state.view;
    return this.#engine.request("open", this.#request(uri), { token });
  }

  stat(uri: vscode.Uri): vscode.FileStat {
    const key = uri.toString();
    // The text's length is not known before it is made; the version alone says that it changed.
    return {
      type: vscode.FileType.File,
      ctime: 0,
      mtime: this.#versions.get(key) ?? 1,
      size: 0,
    };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const model = modelUriOf(uri);
    try {
      // Only open documents are watched: of the others the file may have changed since.
      if (this.#documents.get(model) === undefined) {
        await this.#engine.request("close", { path: model.fsPath });
      }
      const view = await this.#engine.request("text", this.#request(uri));
      this.#texts.set(uri.toString(), view);
      return new TextEncoder().encode(view.text);
    } catch (error) {
      this.#texts.delete(uri.toString());
      return new TextEncoder().encode(`// ${sentenceOf(error)}\n`);
    } finally {
      this.#read.fire(uri);
    }
  }

  forget(uri: vscode.Uri): void {
    this.#texts.delete(uri.toString());
    this.#versions.delete(uri.toString());
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }

  writeFile(uri: vscode.Uri): never {
    throw refusal(uri);
  }

  createDirectory(uri: vscode.Uri): never {
    throw refusal(uri);
  }

  delete(uri: vscode.Uri): never {
    throw refusal(uri);
  }

  rename(uri: vscode.Uri): never {
    throw refusal(uri);
  }

  dispose(): void {
    this.#fileChanged.dispose();
    this.#read.dispose();
  }

  #request(uri: vscode.Uri) {
    const model = modelUriOf(uri);
    return this.#documents.get(model)?.request() ?? { path: model.fsPath, edits: [] };
  }

  #invalidate(uri: vscode.Uri): void {
    if (!this.#versions.has(uri.toString()) && !this.#texts.has(uri.toString())) return;
    this.#versions.set(uri.toString(), (this.#versions.get(uri.toString()) ?? 1) + 1);
    this.#fileChanged.fire([{ type: vscode.FileChangeType.Changed, uri }]);
  }
}

function refusal(uri: vscode.Uri): vscode.FileSystemError {
  return vscode.FileSystemError.NoPermissions(
    vscode.l10n.t(
      "{0} is made from the model and cannot be written; its light bulbs and Save on the model page change the model.",
      uri.scheme === TEXT_SCHEME ? vscode.l10n.t("This text") : uri.toString(),
    ),
  );
}
