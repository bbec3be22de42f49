import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Encoded } from "./wire.ts";

/**
 * A piece of an encoded model. The size is known before the bytes are, so that a large tensor is
 * computed or read only when it is its turn to be written.
 */
export interface Chunk {
  readonly byteLength: number;
  bytes(): Uint8Array;
  /** Puts the bytes from start on into a buffer, as many as it takes, where bytes would make them anew. */
  copyInto?(target: Uint8Array, start: number): void;
}

/** Puts the bytes from start on into a buffer, as many as it takes. */
export function copyPart(chunk: Chunk, target: Uint8Array, start: number): void {
  if (chunk.copyInto !== undefined) chunk.copyInto(target, start);
  else target.set(chunk.bytes().subarray(start, start + target.length));
}

/** Lengths past 2^32 are never written, but counted when a large model's size is told. */
export function fieldHeader(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint64(length).finish();
}

export function known(bytes: Uint8Array): Chunk {
  return { byteLength: bytes.length, bytes: () => bytes };
}

/** A part of the file that was read, which goes straight into the buffer where it is still there. */
export function stored(part: Encoded): Chunk {
  return {
    byteLength: part.byteLength,
    bytes: () => part.bytes,
    ...(part.inMemory
      ? {}
      : { copyInto: (target: Uint8Array, start: number) => part.copyInto(target, start) }),
  };
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
