import type { Dataset } from "./dataset.ts";
import type { DatasetRequest } from "./dataset-request.ts";

/** What a data set's format is recognized by. */
export interface SourceHead {
  /** The last part of the path. */
  readonly name: string;
  /** With the dot, in small letters. */
  readonly extension: string;
  /** Of a file. */
  readonly firstBytes: Uint8Array;
  /** Names of a folder's files and folders; undefined for a file. */
  readonly entries: readonly string[] | undefined;
  /** Kinds of the files in a folder's folders, by their names. */
  readonly extensionsBelow: ReadonlySet<string>;
}

/** One format of data sets. */
export interface DatasetReader {
  /** What it reads, for messages. */
  readonly format: string;
  /** True when the first bytes, or failing a signature the names, are this format's. */
  match(head: SourceHead): boolean;
  /** @throws InputError naming the file, the field and the value in the way. */
  read(path: string, request: DatasetRequest): Promise<Dataset>;
}

export function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => bytes[index] === byte);
}
