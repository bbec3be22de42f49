import { randomUUID } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as vscode from "vscode";
import type { Fingerprint } from "./document-backup.ts";

/** Copies that a crash left behind are of no use to any backup after this time. */
const keepFor = 14 * 24 * 3600 * 1000;

/** Tells the other files of a model on this machine's disk, relative to its folder. */
export type OtherFiles = (model: string) => Promise<readonly string[]>;

/**
 * The file that a document's edits start from.
 *
 * Until something is written it is the model file itself. A copy is taken before the first edit
 * (a block clone where the disk can), so that Undo still works after Save has replaced the file,
 * and so that "Keep mine" is possible when another program does. Files that are not on a disk of
 * this machine are worked on as a copy from the start. A model of several files is copied whole, as
 * saving over it replaces its weights too.
 */
export class OriginalFile {
  readonly source: vscode.Uri;
  readonly #folder: string;
  readonly #otherFiles: OtherFiles;
  #copy: string | undefined;
  #usesCopy = false;

  constructor(source: vscode.Uri, storage: vscode.Uri, otherFiles: OtherFiles) {
    this.source = source;
    this.#otherFiles = otherFiles;
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
    const copy = vscode.Uri.file(this.#copyPath());
    await fetchFile(this.source, copy);
    for (const file of await this.#otherFiles(copy.fsPath)) {
      await fetchFile(beside(this.source, file), beside(copy, file));
    }
    this.#copy = this.#copyPath();
    this.#usesCopy = true;
  }

  /** Takes the copy unless there is one. */
  async secure(): Promise<void> {
    if (this.#copy !== undefined) return;
    await cloneFile(this.source.fsPath, this.#copyPath());
    for (const file of await this.#otherFiles(this.source.fsPath)) {
      await cloneFile(join(dirname(this.source.fsPath), file), join(this.#folder, file));
    }
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

async function cloneFile(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to, constants.COPYFILE_FICLONE);
}

async function fetchFile(from: vscode.Uri, to: vscode.Uri): Promise<void> {
  await vscode.workspace.fs.writeFile(to, await vscode.workspace.fs.readFile(from));
}

/** A file of a model, whose path is relative to the model's folder. */
export function beside(model: vscode.Uri, file: string): vscode.Uri {
  return vscode.Uri.joinPath(model, "..", file);
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
