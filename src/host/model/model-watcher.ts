import { basename } from "node:path";
import * as vscode from "vscode";
import type { ModelDocument } from "./model-document.ts";

/** Writers that replace a file in several steps are given time to finish. */
const settleTime = 250;

/**
 * Follows what other programs do to a model file: a clean document is read again, a dirty one
 * asks.
 */
export class ModelWatcher {
  readonly #document: ModelDocument;
  readonly #tellPages: (problem: string) => void;
  readonly #reloadDiscarding: () => Promise<void>;
  readonly #watcher: vscode.FileSystemWatcher;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;

  /** @param reloadDiscarding throws away the unsaved edits and reads the file. */
  constructor(
    document: ModelDocument,
    tellPages: (problem: string) => void,
    reloadDiscarding: () => Promise<void>,
  ) {
    this.#document = document;
    this.#tellPages = tellPages;
    this.#reloadDiscarding = reloadDiscarding;
    const folder = vscode.Uri.joinPath(document.uri, "..");
    // The name itself is no glob: it may contain brackets and braces.
    this.#watcher = vscode.workspace.createFileSystemWatcher(
      new vscode.RelativePattern(folder, document.hasFilesBelow ? "**" : "*"),
    );
    const onEvent = (uri: vscode.Uri) => {
      if (document.consistsOf(uri)) this.#settle();
    };
    this.#watcher.onDidChange(onEvent);
    this.#watcher.onDidCreate(onEvent);
    this.#watcher.onDidDelete(onEvent);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#watcher.dispose();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), settleTime);
  }

  async #look(): Promise<void> {
    const name = basename(this.#document.uri.path);
    let changed: boolean;
    try {
      changed = await this.#document.changedOutside();
    } catch {
      this.#tellPages(
        vscode.l10n.t("{0} is no longer on the disk. Save As keeps what is shown here.", name),
      );
      return;
    }
    if (!changed || this.#asking) return;
    if (!this.#document.dirty) await this.#document.revert();
    else await this.#ask(name);
  }

  async #ask(name: string): Promise<void> {
    this.#asking = true;
    const reload = vscode.l10n.t("Reload");
    const keep = vscode.l10n.t("Keep Mine");
    try {
      const choice = await vscode.window.showWarningMessage(
        vscode.l10n.t(
          "{0} was changed by another program while it has unsaved edits here. Reload discards the edits; Keep Mine goes on from the file as it was.",
          name,
        ),
        reload,
        keep,
      );
      if (choice === reload) await this.#reloadDiscarding();
      if (choice === keep) await this.#document.keepMine();
    } finally {
      this.#asking = false;
    }
  }
}
