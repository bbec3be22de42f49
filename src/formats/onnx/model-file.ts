import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { InputError } from "../../graph/input-error.ts";
import { FileContents } from "./contents.ts";

/** protobuf cannot encode more, so a longer file is something else. */
const LARGEST_FILE_BYTES = 2 ** 31 - 1;

/**
 * The bytes of a model file.
 *
 * @throws InputError naming the file that is missing, too large or no file.
 */
export async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    return await readWhole(resolve(path), await modelFileBytes(path));
  } catch (error) {
    throw inFile(error, path);
  }
}

/** The contents of a model file, to be closed when its structure is known. */
export async function openModelFile(path: string): Promise<FileContents> {
  try {
    await modelFileBytes(path);
    return new FileContents(resolve(path));
  } catch (error) {
    throw inFile(error, path);
  }
}

async function modelFileBytes(path: string): Promise<number> {
  const info = await stat(resolve(path));
  if (!info.isFile()) throw new InputError("is not a file");
  if (info.size > LARGEST_FILE_BYTES) {
    throw new InputError(
      `has ${info.size} bytes; a model's file has at most ${LARGEST_FILE_BYTES}`,
    );
  }
  return info.size;
}

/** What went wrong with a file, in its name; a defect stays as it is. */
export function inFile(error: unknown, path: string): unknown {
  if (error instanceof InputError) return error.inFile(path);
  return isMissing(error) ? new InputError("no such file", path) : error;
}

/** The file's bytes by as few calls as they take; readFile asks for half a megabyte at a time. */
async function readWhole(file: string, size: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(size);
  const handle = await open(file, "r");
  try {
    let done = 0;
    while (done < size) {
      const { bytesRead } = await handle.read(bytes, done, size - done, done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
