import { zipSync } from "fflate";
import { InputError } from "../graph/input-error.ts";

/** An array to write, row-major. */
export interface FloatArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A plain zip ends here; what is larger needs 64-bit sizes, which the zip writer does not know. */
const LARGEST_ZIP = 2 ** 32 - 1;

/** Zip's beginning of time, so that the same arrays make the same bytes. */
const NO_TIME = new Date(1980, 0, 1);

/**
 * The bytes of a .npz file, which numpy.load opens: a zip of one .npy file an array, not compressed, as
 * numpy.savez writes it.
 *
 * @throws InputError where the arrays need more than a plain zip holds, 4 GB.
 */
export function encodeNpz(arrays: readonly FloatArray[]): Uint8Array {
  const bytes = arrays.reduce((sum, { name, values }) => {
    // Each name stands in front of the array and in the zip's directory; the headers are short.
    return sum + values.byteLength + 6 * name.length + 1024;
  }, 0);
  if (bytes > LARGEST_ZIP) {
    throw new InputError(`the arrays take ${bytes} bytes; a .npz file holds 4 GB`);
  }
  const members = new Map(arrays.map((array) => [`${array.name}.npy`, encodeNpy(array)]));
  return zipSync(Object.fromEntries(members), { level: 0, mtime: NO_TIME });
}

/**
 * A .npy file (numpy.lib.format, version 1.0): the magic, the header's length in two bytes, a header
 * that is filled up with spaces to a multiple of 64, the numbers.
 */
function encodeNpy({ shape, values }: FloatArray): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  const start = 64 * Math.ceil((10 + dictionary.length + 1) / 64);
  const header = `${dictionary.padEnd(start - 11)}\n`;
  const bytes = new Uint8Array(start + values.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start);
  return bytes;
}
