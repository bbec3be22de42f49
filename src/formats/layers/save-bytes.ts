import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { newFile } from "../onnx/new-file.ts";
import { asInputError, type SaveOptions } from "../onnx/write.ts";

/**
 * Writes a model that is one file, all or nothing; a link stays one, and what it leads to is replaced.
 *
 * @returns the size written in bytes.
 */
export async function saveBytes(
  encode: () => Promise<Uint8Array>,
  target: string,
  { signal, onProgress }: SaveOptions,
): Promise<number> {
  try {
    const bytes = await encode();
    signal?.throwIfAborted();
    const path = await realpath(target).catch(() => resolve(target));
    const file = await newFile(path, (handle) => handle.writeFile(bytes));
    try {
      signal?.throwIfAborted();
      await file.publish();
    } finally {
      await file.discard();
    }
    onProgress?.(1);
    return bytes.length;
  } catch (error) {
    throw asInputError(error, target);
  }
}
