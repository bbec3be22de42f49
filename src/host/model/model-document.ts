import { mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import * as vscode from "vscode";
import type { DocumentRequest, DocumentView, Edit, NodeDetail } from "../../protocol/engine.ts";
import type { PassSelection, ToModelPage } from "../../protocol/model-page.ts";
import type { PassReport } from "../../protocol/reports.ts";
import type { EngineClient } from "../engine/engine-client.ts";
import { isCancellation, sentenceOf } from "../engine/engine-error.ts";
import type { ReportProgress } from "../progress.ts";
import { certificateData } from "../settings.ts";
import {
  type DocumentBackup,
  decodeBackup,
  encodeBackup,
  type Fingerprint,
  sameFile,
} from "./document-backup.ts";
import { EditJournal } from "./edit-journal.ts";
import { sameEdits } from "./edits.ts";
import { beside, fingerprintOf, OriginalFile } from "./original-file.ts";

/** What a page and the text view follow. */
export type DocumentState =
  | { readonly kind: "loading" }
  | { readonly kind: "ready"; readonly view: DocumentView }
  | { readonly kind: "failed"; readonly message: string };

/** An edit that VS Code is to remember; undo and redo set the whole list, whatever came between. */
export interface EditMade {
  readonly label: string;
  undo(): Promise<void>;
  redo(): Promise<void>;
}

/**
 * A model file plus a list of edits. The engine computes the model from both at every request, so
 * nothing here is lost when the engine process is.
 */
export class ModelDocument implements vscode.CustomDocument {
  readonly uri: vscode.Uri;
  readonly #engine: EngineClient;
  readonly #storage: vscode.Uri;
  readonly #original: OriginalFile;
  readonly #journal: EditJournal;
  readonly #changed = new vscode.EventEmitter<DocumentState>();
  readonly #edited = new vscode.EventEmitter<EditMade>();
  readonly #shown = new vscode.EventEmitter<ToModelPage>();
  readonly #disposed = new vscode.EventEmitter<void>();
  readonly onDidChangeState = this.#changed.event;
  readonly onDidEdit = this.#edited.event;
  readonly onDidShow = this.#shown.event;
  readonly onDidDispose = this.#disposed.event;

  #edits: readonly Edit[] = [];
  #saved: readonly Edit[] = [];
  #state: DocumentState = { kind: "loading" };
  #file: Fingerprint = { size: 0, modified: 0 };
  #files: ReadonlySet<string> = new Set();
  /** Edits of an earlier generation belong to a file that no longer exists. */
  #generation = 0;
  #refreshes = 0;
  #hasBackup = false;
  #recovered = false;

  private constructor(uri: vscode.Uri, engine: EngineClient, storage: vscode.Uri) {
    this.uri = uri;
    this.#engine = engine;
    this.#storage = storage;
    this.#original = new OriginalFile(uri, storage, (model) => this.#otherFiles(model));
    this.#journal = new EditJournal(storage.fsPath, uri.toString());
  }

  /** Does not wait for the engine: a page shows the file's name and size meanwhile. */
  static async open(
    uri: vscode.Uri,
    engine: EngineClient,
    storage: vscode.Uri,
    backupId?: string,
  ): Promise<ModelDocument> {
    const document = new ModelDocument(uri, engine, storage);
    if (document.#original.isLocal) document.#file = await document.#fingerprint();
    await document.#original.rebase();
    await document.#restore(backupId);
    void document.refresh();
    return document;
  }

  get state(): DocumentState {
    return this.#state;
  }

  get bytes(): number {
    return this.#file.size;
  }

  get edits(): readonly Edit[] {
    return this.#edits;
  }

  get dirty(): boolean {
    return !sameEdits(this.#edits, this.#saved);
  }

  /** What every engine request about this document contains. */
  request(): DocumentRequest {
    return { ...this.#original.location, edits: this.#edits };
  }

  /** Asks the engine for the model as it is now and tells everybody who follows. */
  async refresh(token?: vscode.CancellationToken): Promise<DocumentState> {
    void this.#keepJournal();
    const mine = ++this.#refreshes;
    const state = await this.#read(token);
    // A newer refresh, for a newer list of edits, may have overtaken this one.
    if (mine === this.#refreshes && state !== undefined) this.#setState(state);
    return this.#state;
  }

  nodeDetail(node: number, token?: vscode.CancellationToken): Promise<NodeDetail> {
    return this.#engine.request("nodeDetail", { ...this.request(), node }, tokenOption(token));
  }

  preview(
    selection: PassSelection,
    verify: boolean,
    token?: vscode.CancellationToken,
    onProgress?: ReportProgress,
  ): Promise<PassReport> {
    const data = certificateData(this.uri);
    return this.#engine.request(
      "preview",
      {
        ...this.request(),
        ...selection,
        verify,
        ...(data === undefined ? {} : { certificateData: data }),
      },
      { ...tokenOption(token), ...(onProgress === undefined ? {} : { onProgress }) },
    );
  }

  /** Adds an edit: the document is dirty, Undo names it, all views follow. */
  async add(edit: Edit): Promise<void> {
    await this.#original.secure();
    const before = this.#edits;
    this.#edits = [...before, edit];
    this.#tellEdit(edit.label, before, this.#edits);
    await this.refresh();
  }

  /**
   * VS Code takes a document that comes back without its backup for an unchanged one; it is told
   * of the edits once it knows the document.
   */
  announceRecovered(): void {
    if (!this.#recovered) return;
    this.#recovered = false;
    this.#tellEdit(vscode.l10n.t("Edits before the reload"), [], this.#edits);
  }

  #tellEdit(label: string, before: readonly Edit[], after: readonly Edit[]): void {
    const generation = this.#generation;
    const set = async (edits: readonly Edit[]) => {
      if (generation !== this.#generation) {
        void vscode.window.showInformationMessage(
          vscode.l10n.t("The file was replaced since; “{0}” no longer applies.", label),
        );
        return;
      }
      this.#edits = edits;
      await this.refresh();
      this.show({ type: "outdated" });
    };
    this.#edited.fire({ label, undo: () => set(before), redo: () => set(after) });
  }

  /** Sends every page of this document a message. */
  show(message: ToModelPage): void {
    this.#shown.fire(message);
  }

  async save(token: vscode.CancellationToken): Promise<void> {
    await this.saveAs(this.uri, token);
    this.#saved = this.#edits;
    this.#original.switchToCopy();
    this.#file = await this.#fingerprint();
    await this.refresh();
  }

  async saveAs(target: vscode.Uri, token: vscode.CancellationToken): Promise<void> {
    if (target.scheme === "file") {
      const request = { ...this.request(), target: target.fsPath };
      await this.#engine.request("save", request, tokenOption(token));
      return;
    }
    const folder = join(this.#storage.fsPath, "outgoing", String(Date.now()));
    const temporary = vscode.Uri.file(join(folder, basename(target.path)));
    await mkdir(folder, { recursive: true });
    try {
      const request = { ...this.request(), target: temporary.fsPath };
      await this.#engine.request("save", request, tokenOption(token));
      // The weights first: the file that names them is the last to change.
      for (const file of await this.#otherFiles(temporary.fsPath)) {
        await sendFile(beside(temporary, file), beside(target, file));
      }
      await sendFile(temporary, target);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Back to the file as it is on the disk now. */
  async revert(): Promise<void> {
    if (sameFile(await this.#fingerprint(), this.#file)) this.#edits = this.#saved;
    else await this.#startAgain();
    await this.refresh();
    this.show({ type: "outdated" });
  }

  /** True when another program wrote the file since it was read or saved here. */
  async changedOutside(): Promise<boolean> {
    return !sameFile(await this.#fingerprint(), this.#file);
  }

  /** Goes on from the copy; the next save replaces what the other program wrote. */
  async keepMine(): Promise<void> {
    this.#original.switchToCopy();
    this.#file = await this.#fingerprint();
  }

  /** Whether some of its files lie in folders below its own. */
  get hasFilesBelow(): boolean {
    const folder = vscode.Uri.joinPath(this.uri, "..").toString();
    return [...this.#files].some((file) => file.slice(folder.length + 1).includes("/"));
  }

  /** Whether a file is one that the model consists of. */
  consistsOf(file: vscode.Uri): boolean {
    return this.#files.has(file.toString());
  }

  async backup(destination: vscode.Uri): Promise<vscode.CustomDocumentBackup> {
    await vscode.workspace.fs.writeFile(destination, encodeBackup(this.#backup()));
    this.#hasBackup = true;
    const remove = async () => {
      this.#hasBackup = false;
      await vscode.workspace.fs.delete(destination);
    };
    return { id: destination.toString(), delete: () => void remove().catch(() => undefined) };
  }

  dispose(): void {
    void this.#journal.remove();
    void this.#forget();
    // A backup that outlives the window brings the document back, and needs the copy for that.
    if (!this.#hasBackup) void this.#original.removeCopy();
    this.#disposed.fire();
    this.#changed.dispose();
    this.#edited.dispose();
    this.#shown.dispose();
    this.#disposed.dispose();
  }

  async #restore(backupId: string | undefined): Promise<void> {
    const backup =
      backupId === undefined
        ? await this.#journal.read()
        : decodeBackup(await vscode.workspace.fs.readFile(vscode.Uri.parse(backupId)));
    if (backup === undefined) return;
    const adopted = backup.original !== undefined && this.#original.adopt(backup.original);
    // Saved over, or changed by someone else while the window was closed: the copy is the original.
    if (adopted && !sameFile(backup.file, this.#file)) this.#original.switchToCopy();
    this.#edits = backup.edits;
    this.#recovered = backupId === undefined;
  }

  #backup(): DocumentBackup {
    const original = this.#original.copy;
    return {
      version: 1,
      edits: this.#edits,
      file: this.#file,
      ...(original === undefined ? {} : { original }),
    };
  }

  #keepJournal(): Promise<void> {
    return this.dirty ? this.#journal.write(this.#backup()) : this.#journal.remove();
  }

  async #startAgain(): Promise<void> {
    this.#generation++;
    this.#edits = [];
    this.#saved = [];
    await this.#forget();
    await this.#original.rebase();
    this.#file = await this.#fingerprint();
  }

  /**
   * Of all the files of the model. One that is named and missing changes the sums as much as one
   * that was written; the engine then says which it is.
   */
  async #fingerprint(): Promise<Fingerprint> {
    let { size, modified } = await fingerprintOf(this.uri);
    const others = this.#original.isLocal ? await this.#otherFiles(this.uri.fsPath) : [];
    const files = others.map((file) => beside(this.uri, file));
    for (const file of files) {
      const other = await fingerprintOf(file).catch(() => ({ size: 0, modified: 0 }));
      size += other.size;
      modified += other.modified;
    }
    this.#files = new Set([this.uri, ...files].map((file) => file.toString()));
    return { size, modified };
  }

  /** Only model.json and its like name other files; nobody waits for the engine before an ONNX file. */
  async #otherFiles(path: string): Promise<readonly string[]> {
    if (!/\.json$/i.test(path)) return [];
    return (await this.#engine.request("otherFiles", { path })).files;
  }

  /** Best effort: an engine that is not running has nothing to forget. */
  async #forget(): Promise<void> {
    const { path } = this.#original.location;
    await this.#engine.request("close", { path }).catch(() => undefined);
  }

  async #read(token: vscode.CancellationToken | undefined): Promise<DocumentState | undefined> {
    try {
      const view = await this.#engine.request("open", this.request(), tokenOption(token));
      return { kind: "ready", view: { ...view, path: this.uri.fsPath } };
    } catch (error) {
      if (isCancellation(error)) return undefined;
      return { kind: "failed", message: sentenceOf(error) };
    }
  }

  #setState(state: DocumentState): void {
    this.#state = state;
    this.#changed.fire(state);
  }
}

async function sendFile(from: vscode.Uri, to: vscode.Uri): Promise<void> {
  await vscode.workspace.fs.writeFile(to, await vscode.workspace.fs.readFile(from));
}

function tokenOption(token: vscode.CancellationToken | undefined) {
  return token === undefined ? {} : { token };
}
