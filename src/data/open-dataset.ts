import { open, stat } from "node:fs/promises";
import { extname } from "node:path";
import { InputError } from "../graph/input-error.ts";
import { readCsv } from "./csv.ts";
import type { Dataset, TargetKind } from "./dataset.ts";
import { readDigits } from "./digits.ts";
import { readNpzDataset } from "./npz.ts";

/** The name that stands for the embedded data set. */
export const EMBEDDED_DIGITS = "digits";

interface DatasetReader {
  /** What it reads, for messages. */
  readonly format: string;
  /** True when the first bytes, or failing a signature the extension, are this format's. */
  match(head: Uint8Array, extension: string): boolean;
  read(path: string, kind?: TargetKind, input?: string): Promise<Dataset>;
}

/** Adding a format is adding a line; content is asked before the name. */
const READERS: readonly DatasetReader[] = [
  { format: ".npz", match: (head) => startsWith(head, [0x50, 0x4b]), read: readNpzDataset },
  {
    format: ".csv",
    match: (head, extension) => extension === ".csv" && !head.includes(0),
    read: readCsv,
  },
];

/**
 * Opens a data set by name or path.
 *
 * @param kind how the targets are meant, where the caller knows: a loss on classes or on numbers.
 * @param input the model's input, after which a .npz file may call its samples.
 */
export async function openDataset(
  source: string,
  kind?: TargetKind,
  input?: string,
): Promise<Dataset> {
  if (source === EMBEDDED_DIGITS) return readDigits();
  const head = await readHead(source);
  const reader = READERS.find((reader) => reader.match(head, extname(source).toLowerCase()));
  if (reader === undefined) {
    const formats = READERS.map((reader) => reader.format).join(", ");
    throw new InputError(
      `is not a known data set; ${EMBEDDED_DIGITS} or a file of ${formats} is needed`,
      source,
    );
  }
  const dataset = await reader.read(source, kind, input);
  if (dataset.count === 0) throw new InputError("has no samples", source);
  return dataset;
}

async function readHead(path: string): Promise<Uint8Array> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) {
    throw new InputError(`no such data set; it is "${EMBEDDED_DIGITS}" or a path`, path);
  }
  if (!info.isFile()) throw new InputError("is a folder; a .csv or .npz file is needed", path);
  const file = await open(path);
  try {
    const head = new Uint8Array(256);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => bytes[index] === byte);
}
