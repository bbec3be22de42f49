import { InputError } from "../../graph/input-error.ts";
import type { Encoded } from "./wire.ts";

/** What is looked at of a file. */
const START_BYTES = 64;

interface LookAlike {
  readonly what: string;
  matches(start: Uint8Array): boolean;
}

const LOOK_ALIKES: readonly LookAlike[] = [
  {
    what: "a ZIP archive (a .keras, .npz or PyTorch file?)",
    matches: startsWith(0x50, 0x4b, 3, 4),
  },
  { what: "an HDF5 file (Keras .h5?)", matches: startsWith(0x89, 0x48, 0x44, 0x46) },
  { what: "a Python pickle", matches: startsWith(0x80, 2) },
  { what: "gzip data", matches: startsWith(0x1f, 0x8b) },
  {
    what: "a Git LFS pointer; run git lfs pull to get the model",
    matches: (start) =>
      new TextDecoder("latin1").decode(start).startsWith("version https://git-lfs"),
  },
  { what: "text, not a model", matches: isText },
];

/** Refuses what is plainly something else, by its name, before protobuf says something obscure. */
export function refuseLookAlike(file: Encoded): void {
  const start = file.part(0, Math.min(START_BYTES, file.byteLength)).bytes;
  if (start.length === 0) throw new InputError("the file is empty; a model is needed");
  const other = LOOK_ALIKES.find((candidate) => candidate.matches(start));
  if (other !== undefined) {
    throw new InputError(`the file contains ${other.what}; a model is needed`);
  }
}

function startsWith(...signature: readonly number[]) {
  return (start: Uint8Array) => signature.every((byte, position) => start[position] === byte);
}

/** A model starts with control bytes (its first field's tag), so printable text alone is no model. */
function isText(start: Uint8Array): boolean {
  return start.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);
}
