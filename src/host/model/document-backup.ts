import type { Edit } from "../../protocol/engine.ts";

/** Size and time of a file: enough to see that someone else wrote it. */
export interface Fingerprint {
  readonly size: number;
  readonly modified: number;
}

/**
 * What hot exit keeps of a document: the edits, not the weights.
 *
 * `original` names the copy of the file as it was before the edits; it is needed when the file
 * itself was saved over or changed since.
 */
export interface DocumentBackup {
  readonly version: 1;
  readonly edits: readonly Edit[];
  readonly file: Fingerprint;
  readonly original?: string;
}

export function encodeBackup(backup: DocumentBackup): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(backup));
}

/** @throws Error with a sentence when the bytes are no backup of ours. */
export function decodeBackup(bytes: Uint8Array): DocumentBackup {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!isBackup(value)) {
    throw new Error("The backup of the unsaved edits was written by another version of NormLens.");
  }
  return value;
}

export function sameFile(a: Fingerprint, b: Fingerprint): boolean {
  return a.size === b.size && a.modified === b.modified;
}

function isBackup(value: unknown): value is DocumentBackup {
  if (typeof value !== "object" || value === null) return false;
  const { version, edits, file, original } = value as Record<string, unknown>;
  return (
    version === 1 &&
    Array.isArray(edits) &&
    edits.every(isEdit) &&
    typeof file === "object" &&
    file !== null &&
    (original === undefined || typeof original === "string")
  );
}

function isEdit(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { kind, label } = value as Record<string, unknown>;
  return (kind === "pass" || kind === "weights" || kind === "model") && typeof label === "string";
}
