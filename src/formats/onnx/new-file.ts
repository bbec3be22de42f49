import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError } from "../../graph/input-error.ts";

/** A file that is complete under a temporary name beside its target, flushed to the disk. */
export interface NewFile {
  /** Puts the file at its target, over whatever is there. */
  publish(): Promise<void>;
  /** Takes the temporary file away; harmless after publish. */
  discard(): Promise<void>;
}

/**
 * Writes a file under a temporary name, with the permissions of the target where there is one.
 * Nothing is left when writing fails.
 */
export async function newFile(
  target: string,
  write: (handle: FileHandle, temporary: string) => Promise<void>,
): Promise<NewFile> {
  // Another file of this name is never written to: the flag "wx" refuses it.
  const random = Math.random().toString(36).slice(2);
  const temporary = join(dirname(target), `.${basename(target)}.${random}.tmp`);
  const discard = () => rm(temporary, { force: true });
  const present = await stat(target).catch(() => undefined);
  // Renaming over a device such as /dev/null would replace it for the whole machine.
  if (present !== undefined && !present.isFile() && !present.isDirectory()) {
    throw new InputError("cannot be written: it is not a regular file", target);
  }
  const mode = present?.mode ?? 0o644;
  try {
    const handle = await open(temporary, "wx", mode);
    try {
      await write(handle, temporary);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await discard();
    throw error;
  }
  return { publish: () => rename(temporary, target), discard };
}

/** Writes a file all or nothing: flushed under a temporary name, then put at its target. */
export async function writeWhole(target: string, contents: string | Uint8Array): Promise<void> {
  const file = await newFile(target, (handle) => handle.writeFile(contents));
  try {
    await file.publish();
  } finally {
    await file.discard();
  }
}
