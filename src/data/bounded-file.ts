import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { InputError } from "../graph/input-error.ts";

/** Everything a data file may expand to; a data set is kept in memory as a whole. */
export const LARGEST_DATA_BYTES = 2 ** 31;

/**
 * Reads a stream to its end, and stops where it grows past the limit, so that a small compressed
 * file cannot fill the memory.
 *
 * @param limit in bytes.
 */
export async function readBounded(
  stream: Readable,
  file: string,
  limit = LARGEST_DATA_BYTES,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      length += chunk.byteLength;
      if (length > limit) {
        throw new InputError(
          `has, or expands to, more than ${limit} bytes; data of this kind is at most that large`,
          file,
        );
      }
      chunks.push(chunk);
    }
  } catch (error) {
    throw asInputError(error, file);
  }
  const bytes = new Uint8Array(length);
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.byteLength;
  }
  return bytes;
}

/** As readBounded for a whole file, whose size is asked before any of it is read. */
export async function readBoundedFile(
  path: string,
  limit = LARGEST_DATA_BYTES,
): Promise<Uint8Array> {
  const info = await stat(path).catch(() => undefined);
  if (info !== undefined && info.size > limit) {
    throw new InputError(`has ${info.size} bytes; data of this kind has at most ${limit}`, path);
  }
  return readBounded(createReadStream(path), path, limit);
}

function asInputError(error: unknown, file: string): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOENT") return new InputError("no such file", file);
  if (code === "EISDIR") return new InputError("is a folder", file);
  if (code.startsWith("Z_")) return new InputError("is not a valid gzip file", file);
  return error;
}
