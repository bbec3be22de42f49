import { randomUUID } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as vscode from "vscode";
import type { Fingerprint } from "./document-backup.ts";

/** Copies that a crash left behind are of no use to any backup after this time. */
const keepFor = 14 * 24 * 3600 * 1000;

/**
 * The file that a document's edits start from.
 *
 * Until something is written it is the model file itself. A copy is taken before the first edit
 * (a block clone where the disk can), so that Undo still works after Save has replaced the file,
 * and so that "Keep mine" is possible when another program does. Files that are not on a disk of
 * this machine are worked on as a copy from the start.
 */
export class OriginalFile {
  readonly source: vscode.Uri;
  readonly #folder: string;
  #copy: string | undefined;
  #usesCopy = false;

  constructor(source: vscode.Uri, storage: vscode.Uri) {
    this.source = source;
    this.#folder = join(storage.fsPath, "originals", randomUUID());
  }

  /** What engine requests say of the file. */
  get location(): { readonly path: string; readonly source?: string } {
    if (this.#copy === undefined || !this.#usesCopy) return { path: this.source.fsPath };
    if (!this.isLocal) return { path: this.#copy };
    return { path: this.source.fsPath, source: this.#copy };
  }

  get isLocal(): boolean {
    return this.source.scheme === "file";
  }

  /** The copy, if one was taken: what a backup remembers. */
  get copy(): string | undefined {
    return this.#copy;
  }

  /** Starts again from the file as it is now. */
  async rebase(): Promise<void> {
    this.#usesCopy = false;
    await this.removeCopy();
    if (this.isLocal) return;
    const bytes = await vscode.workspace.fs.readFile(this.source);
    await vscode.workspace.fs.writeFile(vscode.Uri.file(this.#copyPath()), bytes);
    this.#copy = this.#copyPath();
    this.#usesCopy = true;
  }

  /** Takes the copy unless there is one. */
  async secure(): Promise<void> {
    if (this.#copy !== undefined) return;
    await mkdir(this.#folder, { recursive: true });
    await copyFile(this.source.fsPath, this.#copyPath(), constants.COPYFILE_FICLONE);
    this.#copy = this.#copyPath();
  }

  /** From now on the edits start from the copy, as the file itself is no longer the original. */
  switchToCopy(): void {
    this.#usesCopy = this.#copy !== undefined;
  }

  /** Takes over the copy that a backup names; false when it is gone. */
  adopt(copy: string): boolean {
    if (!existsSync(copy)) return false;
    this.#copy = copy;
    return true;
  }

  async removeCopy(): Promise<void> {
    if (this.#copy === undefined) return;
    const folder = dirname(this.#copy);
    this.#copy = undefined;
    await rm(folder, { recursive: true, force: true });
  }

  #copyPath(): string {
    return join(this.#folder, basename(this.source.path));
  }
}

/** @throws FileSystemError when the file does not exist. */
export async function fingerprintOf(file: vscode.Uri): Promise<Fingerprint> {
  const { size, mtime } = await vscode.workspace.fs.stat(file);
  return { size, modified: mtime };
}

export async function removeOldCopies(storage: vscode.Uri): Promise<void> {
  const folder = join(storage.fsPath, "originals");
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const { mtimeMs } = await stat(join(folder, name));
    if (Date.now() - mtimeMs > keepFor) await rm(join(folder, name), { recursive: true });
  }
}
