import { open, readdir, stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { InputError } from "../graph/input-error.ts";
import type { Dataset } from "./dataset.ts";
import type { SourceHead } from "./dataset-reader.ts";
import type { DatasetRequest } from "./dataset-request.ts";
import { readDigits } from "./digits.ts";
import { extensionsBelow } from "./folders/extensions-below.ts";
import { READERS } from "./readers.ts";

/** The name that stands for the embedded data set. */
export const EMBEDDED_DIGITS = "digits";

/**
 * Opens a data set by name or path, a file or a folder.
 *
 * @throws InputError where it is none of the formats, or cannot be read as the one it looks like.
 */
export async function openDataset(source: string, request: DatasetRequest = {}): Promise<Dataset> {
  if (source === EMBEDDED_DIGITS) return readDigits();
  const head = await readHead(source);
  const reader = READERS.find((reader) => reader.match(head));
  if (reader === undefined) {
    const formats = READERS.map((reader) => reader.format).join(", ");
    throw new InputError(
      `is not a known data set; ${EMBEDDED_DIGITS} or one of these is needed: ${formats}`,
      source,
    );
  }
  const dataset = await reader.read(source, request);
  if (dataset.count === 0) throw new InputError("has no samples", source);
  return dataset;
}

async function readHead(path: string): Promise<SourceHead> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) {
    throw new InputError(`no such data set; it is "${EMBEDDED_DIGITS}" or a path`, path);
  }
  const named = { name: basename(path), extension: extname(path).toLowerCase() };
  if (info.isDirectory()) {
    const entries = (await readdir(path)).sort();
    const below = await extensionsBelow(path);
    return { ...named, firstBytes: new Uint8Array(), entries, extensionsBelow: below };
  }
  if (!info.isFile()) throw new InputError("is neither a file nor a folder", path);
  const none = { entries: undefined, extensionsBelow: new Set<string>() };
  return { ...named, firstBytes: await firstBytes(path), ...none };
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const head = new Uint8Array(256);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
