import { closeSync, openSync, readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
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

const ranges = new WeakMap<TensorData, FileRange>();

/** Tensor data that is read from its file whenever it is asked for, and never kept. */
export function fileData(range: FileRange): TensorData {
  const { byteLength } = range;
  const data: TensorData = {
    encoding: "external",
    byteLength,
    read: () => {
      const bytes = new Uint8Array(byteLength);
      readRange(range, bytes, 0);
      return bytes;
    },
    readInto: (target, start) => readRange(range, target, start),
  };
  ranges.set(data, range);
  return data;
}

/** Where the data lies in a file; undefined for what lies in memory or is computed. */
export function fileRange(data: TensorData): FileRange | undefined {
  return ranges.get(data);
}

function readRange({ path, offset }: FileRange, target: Uint8Array, start: number): void {
  const file = openSync(path, "r");
  try {
    if (readAt(file, target, offset + start)) return;
    throw new InputError("the file became shorter while it was read", path);
  } finally {
    closeSync(file);
  }
}

/** Fills the target, however many calls that takes. @returns false where the file ends before. */
export function readAt(file: number, target: Uint8Array, position: number): boolean {
  for (let done = 0; done < target.length; ) {
    const count = readSync(file, target, done, target.length - done, position + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
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
