import type { FileHandle } from "node:fs/promises";
import { BackgroundFlush } from "./background-flush.ts";
import { type Chunk, copyPart } from "./chunk.ts";
import { writeAt } from "./file-range.ts";

/** A chunk and its place in the file, in bytes from the start. */
export interface PlacedChunk {
  readonly chunk: Chunk;
  readonly offset: number;
}

/**
 * What is written at once. So much stays in the processor's cache between being read, being computed
 * with and being written; with sixteen times as much, writing takes twice as long.
 */
const PIECE_BYTES = 2 ** 20;

/** Computed chunks from this size on begin a piece of their own. */
const ALIGNED_BYTES = 64 * 2 ** 10;

/**
 * Writes chunks in the order of their places. Small ones are gathered into one write, large ones cut,
 * and all of it goes through the same two pieces of memory: fresh memory for each would cost more
 * than the arithmetic. While one piece is written, the other is filled.
 *
 * @param onBytes is told how many bytes each step wrote; what it throws ends the writing.
 */
export async function writePieces(
  handle: FileHandle,
  chunks: Iterable<PlacedChunk>,
  onBytes: (count: number) => void,
): Promise<void> {
  const writer = new PieceWriter(handle, onBytes);
  try {
    for (const { chunk, offset } of chunks) await writer.add(chunk, offset);
    await writer.writePiece();
  } finally {
    await writer.finished();
  }
}

class PieceWriter {
  readonly #handle: FileHandle;
  readonly #onBytes: (count: number) => void;
  readonly #flush: BackgroundFlush;
  #piece = new Uint8Array(PIECE_BYTES);
  #other = new Uint8Array(PIECE_BYTES);
  /** Place of the piece in the file. */
  #offset = 0;
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle, onBytes: (count: number) => void) {
    this.#handle = handle;
    this.#onBytes = onBytes;
    this.#flush = new BackgroundFlush(handle);
  }

  async add(chunk: Chunk, offset: number): Promise<void> {
    const { byteLength, copyInto } = chunk;
    // At a piece's start computed numbers are aligned, and none is cut in two.
    const large = byteLength >= ALIGNED_BYTES || this.#filled + byteLength > PIECE_BYTES;
    const apart = large && copyInto !== undefined;
    if (apart || offset !== this.#offset + this.#filled) await this.writePiece();
    if (this.#filled === 0) this.#offset = offset;
    if (byteLength > PIECE_BYTES && copyInto === undefined) {
      await this.writePiece();
      await this.#write(chunk.bytes());
      return;
    }
    for (let start = 0; start < byteLength; ) {
      if (this.#filled === PIECE_BYTES) await this.writePiece();
      const end = Math.min(byteLength, start + PIECE_BYTES - this.#filled);
      const target = this.#piece.subarray(this.#filled, this.#filled + end - start);
      copyPart(chunk, target, start);
      this.#filled += target.length;
      start = end;
    }
  }

  /** Has what is gathered written. */
  async writePiece(): Promise<void> {
    if (this.#filled === 0) return;
    const bytes = this.#piece.subarray(0, this.#filled);
    [this.#piece, this.#other] = [this.#other, this.#piece];
    this.#filled = 0;
    await this.#write(bytes);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const offset = this.#offset;
    this.#offset += bytes.length;
    await this.#writing;
    this.#onBytes(bytes.length);
    this.#writing = writeAt(this.#handle, bytes, offset).then(() =>
      this.#flush.wrote(bytes.length),
    );
    // Whoever waits for it next hears of a failure; until then it is not unhandled.
    this.#writing.catch(() => undefined);
  }

  /** The file must not be closed under a write or a flush. */
  async finished(): Promise<void> {
    try {
      await this.#writing;
    } finally {
      await this.#flush.finished();
    }
  }
}
