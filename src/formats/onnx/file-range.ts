import { closeSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { InputError } from "../../graph/input-error.ts";
import type { TensorData } from "../../graph/tensor.ts";

/** Bytes of a file that a tensor's data is. */
export interface FileRange {
  /** Absolute path. */
  readonly path: string;
  /** In bytes from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** What is copied at once, in bytes. */
const COPY_BYTES = 4 * 2 ** 20;

const ranges = new WeakMap<TensorData, FileRange>();

/** Tensor data that is read from its file whenever it is asked for, and never kept. */
export function fileData(range: FileRange): TensorData {
  const { byteLength } = range;
  const data: TensorData = { encoding: "external", byteLength, read: () => readRange(range) };
  ranges.set(data, range);
  return data;
}

/** Where the data lies in a file; undefined for what lies in memory or is computed. */
export function fileRange(data: TensorData): FileRange | undefined {
  return ranges.get(data);
}

function readRange({ path, offset, byteLength }: FileRange): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  const file = openSync(path, "r");
  try {
    for (let done = 0; done < byteLength; ) {
      const count = readSync(file, bytes, done, byteLength - done, offset + done);
      if (count === 0) throw tooShort(path);
      done += count;
    }
  } finally {
    closeSync(file);
  }
  return bytes;
}

/**
 * Copies a range of one file to a place in another, a few megabytes at a time.
 *
 * @param onBytes is told how many bytes each step copied; what it throws ends the copy.
 * @throws InputError when the file has become shorter.
 */
export async function copyRange(
  { path, offset, byteLength }: FileRange,
  target: FileHandle,
  position: number,
  onBytes: (count: number) => void,
): Promise<void> {
  const buffer = new Uint8Array(Math.min(COPY_BYTES, byteLength));
  const source = await open(path, "r");
  try {
    for (let done = 0; done < byteLength; ) {
      const wanted = Math.min(buffer.length, byteLength - done);
      const { bytesRead } = await source.read(buffer, 0, wanted, offset + done);
      if (bytesRead === 0) throw tooShort(path);
      await writeAt(target, buffer.subarray(0, bytesRead), position + done);
      done += bytesRead;
      onBytes(bytesRead);
    }
  } finally {
    await source.close();
  }
}

/** Writes all the bytes, however many calls that takes. */
export async function writeAt(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const left = bytes.length - done;
    const { bytesWritten } = await handle.write(bytes, done, left, position + done);
    done += bytesWritten;
  }
}

function tooShort(path: string): InputError {
  return new InputError("the file became shorter while it was read", path);
}
