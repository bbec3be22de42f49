import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/**
 * A piece of an encoded model. The size is known before the bytes are, so that a large tensor is
 * computed or read only when it is its turn to be written.
 */
export interface Chunk {
  readonly byteLength: number;
  bytes(): Uint8Array;
  /** Puts the bytes into exactly byteLength bytes of a buffer, for pieces that would be made anew. */
  copyInto?(target: Uint8Array): void;
}

export function copyChunk(chunk: Chunk, target: Uint8Array): void {
  if (chunk.copyInto === undefined) target.set(chunk.bytes());
  else chunk.copyInto(target);
}

/** Lengths past 2^32 are never written, but counted when a large model's size is told. */
export function fieldHeader(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint64(length).finish();
}

export function known(bytes: Uint8Array): Chunk {
  return { byteLength: bytes.length, bytes: () => bytes };
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
