import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type DocumentBackup, decodeBackup, encodeBackup } from "./document-backup.ts";

/**
 * The unsaved edits of one document, on the disk as soon as they are made.
 *
 * VS Code's own backups come a second after an edit, and it finds them again through its window
 * state, which a browser saves only every few seconds: a reload in between would lose the edits.
 */
export class EditJournal {
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  constructor(folder: string, document: string) {
    const name = createHash("sha256").update(document).digest("hex").slice(0, 32);
    this.#path = join(folder, "journal", `${name}.json`);
  }

  /** What an earlier window left, if it ended without saving or discarding. */
  async read(): Promise<DocumentBackup | undefined> {
    try {
      return decodeBackup(await readFile(this.#path));
    } catch {
      // Missing, or cut off by a crash: VS Code's backup is still there.
      return undefined;
    }
  }

  /** Writes after what was asked before, all or nothing; a full disk costs only the journal. */
  write(backup: DocumentBackup): Promise<void> {
    return this.#then(async () => {
      await mkdir(dirname(this.#path), { recursive: true });
      await writeFile(`${this.#path}.tmp`, encodeBackup(backup));
      await rename(`${this.#path}.tmp`, this.#path);
    });
  }

  remove(): Promise<void> {
    return this.#then(() => rm(this.#path, { force: true }));
  }

  #then(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work).catch(() => undefined);
    return this.#last;
  }
}
