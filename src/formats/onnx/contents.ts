import { closeSync, fstatSync, openSync, type Stats } from "node:fs";
import { InputError } from "../../graph/input-error.ts";
import { readAt } from "./file-range.ts";

/** The bytes of a model, of which some may still be in the file only. */
export interface Contents {
  /** Of the file's length; what was not loaded is undefined in it. */
  readonly memory: Uint8Array;
  /** Whether all of it is in memory from the beginning. */
  readonly complete: boolean;
  /** Makes a part of memory valid, for good. */
  load(start: number, end: number): void;
  /** Puts the bytes from start on into the caller's memory, and keeps none that were not loaded. */
  copyInto(target: Uint8Array, start: number): void;
}

/** @param bytes as they are, which a Buffer's parts would not be known as. */
export function memoryContents(bytes: Uint8Array): Contents {
  const memory = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    memory,
    complete: true,
    load: () => undefined,
    copyInto: (target, start) => target.set(memory.subarray(start, start + target.length)),
  };
}

/** What is loaded at once: a file's structure lies scattered between its weights. */
const BLOCK_BYTES = 16 * 2 ** 10;

/**
 * The bytes of a file that are read when they are asked for. Fresh memory costs several times as much
 * as reading a file that the system has at hand, so a pass that reads each weight once into the same
 * memory ends sooner than one that holds the file.
 */
export class FileContents implements Contents {
  readonly memory: Uint8Array;
  readonly complete = false;
  readonly #path: string;
  readonly #opened: Stats;
  readonly #loaded: Uint8Array;
  #file: number | undefined;

  /** Keeps the file open until close. */
  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, "r");
    this.#opened = fstatSync(this.#file);
    // Memory that is never touched takes no room, so nothing may clear it.
    this.memory = new Uint8Array(Buffer.allocUnsafeSlow(this.#opened.size).buffer);
    this.#loaded = new Uint8Array(Math.ceil(this.#opened.size / BLOCK_BYTES));
  }

  /** What is asked for from now on opens the file anew. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  load(start: number, end: number): void {
    const blocks = Math.ceil(end / BLOCK_BYTES);
    for (let block = Math.floor(start / BLOCK_BYTES); block < blocks; block++) {
      if (this.#loaded[block] === 1) continue;
      const first = block;
      while (block + 1 < blocks && this.#loaded[block + 1] === 0) block++;
      this.#read(
        this.memory.subarray(first * BLOCK_BYTES, (block + 1) * BLOCK_BYTES),
        first * BLOCK_BYTES,
      );
      this.#loaded.fill(1, first, block + 1);
    }
  }

  copyInto(target: Uint8Array, start: number): void {
    this.#read(target, start);
  }

  /** @throws InputError where the file is no longer the one that was opened. */
  #read(target: Uint8Array, position: number): void {
    const file = this.#file ?? this.#reopened();
    try {
      if (!readAt(file, target, position)) throw this.#changed();
    } finally {
      if (this.#file === undefined) closeSync(file);
    }
  }

  #reopened(): number {
    const file = openSync(this.#path, "r");
    const { ino, size, mtimeMs } = fstatSync(file);
    const same =
      ino === this.#opened.ino && size === this.#opened.size && mtimeMs === this.#opened.mtimeMs;
    if (same) return file;
    closeSync(file);
    throw this.#changed();
  }

  #changed(): InputError {
    return new InputError("the file was changed while it was in use", this.#path);
  }
}
