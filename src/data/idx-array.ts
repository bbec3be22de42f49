import { InputError } from "../graph/input-error.ts";

/** An IDX array of bytes. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** What MNIST's files, and those made like it, are called. */
export const IDX_NAME = /[.-]idx\d-ubyte(\.gz)?$/;

const UNSIGNED_BYTES = 0x08;

/**
 * Parses an IDX file (Y. LeCun, "The MNIST database"): two zeros, the type, the rank, each size in four bytes
 * from the highest, the numbers.
 *
 * @throws InputError where the sizes are not those of the file, or the numbers are no bytes.
 */
export function parseIdx(bytes: Uint8Array, file: string): IdxArray {
  const [zero, alsoZero, type, rank] = bytes;
  if (bytes.length < 4 || zero !== 0 || alsoZero !== 0 || rank === undefined) {
    throw new InputError("is not an IDX file: it does not begin with two zeros", file);
  }
  if (type !== UNSIGNED_BYTES) {
    throw new InputError(`type: 0x${type?.toString(16)} is not read; 0x8, bytes, is`, file);
  }
  const start = 4 + 4 * rank;
  if (rank === 0 || bytes.length < start) {
    throw new InputError(`has ${rank} sizes, which its ${bytes.length} bytes do not hold`, file);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  if (shape.includes(0)) {
    // It takes no bytes, whatever the other sizes are.
    throw new InputError(`has no numbers: its sizes are ${shape.join("×")}`, file);
  }
  const needed = shape.reduce((product, size) => product * BigInt(size), 1n);
  if (needed !== BigInt(bytes.length - start)) {
    throw new InputError(
      `its sizes ${shape.join("×")} need ${needed} bytes, but ${bytes.length - start} follow`,
      file,
    );
  }
  return { shape, bytes: bytes.subarray(start) };
}
