import { InputError } from "../graph/input-error.ts";
import { float16ToNumber } from "../graph/numbers.ts";
import { elementCount } from "../graph/tensor.ts";

/** An array of a .npy file. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** numpy's type code without byte order: "f4", "i8", "b1", … */
  readonly type: string;
  /** Row-major. Exact for every type but 64-bit integers beyond 2⁵³. */
  readonly values: Float32Array | Float64Array;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const LONGEST_HEADER = 65_536;
const LARGEST_RANK = 32;

type Reader = (view: DataView, byte: number, little: boolean) => number;

const READERS: Readonly<Record<string, Reader>> = {
  f2: (view, byte, little) => float16ToNumber(view.getUint16(byte, little)),
  f4: (view, byte, little) => view.getFloat32(byte, little),
  f8: (view, byte, little) => view.getFloat64(byte, little),
  i1: (view, byte) => view.getInt8(byte),
  i2: (view, byte, little) => view.getInt16(byte, little),
  i4: (view, byte, little) => view.getInt32(byte, little),
  i8: (view, byte, little) => Number(view.getBigInt64(byte, little)),
  u1: (view, byte) => view.getUint8(byte),
  u2: (view, byte, little) => view.getUint16(byte, little),
  u4: (view, byte, little) => view.getUint32(byte, little),
  u8: (view, byte, little) => Number(view.getBigUint64(byte, little)),
  b1: (view, byte) => view.getUint8(byte),
};

/**
 * Parses a .npy file, numpy's format for one array (numpy.lib.format, versions 1.0 to 3.0).
 *
 * Nothing is allocated before the header's sizes have been compared with the file's. Arrays of
 * objects are refused: reading them would run code from the file.
 *
 * @param field what the array is called in messages, for example "x.npy".
 */
export function parseNpy(bytes: Uint8Array, field: string, file: string): NpyArray {
  const fail = (problem: string) => new InputError(`${field}: ${problem}`, file);
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) throw fail("is not a .npy array");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengthBytes = bytes[6] === 1 ? 2 : 4;
  if (bytes.length < 8 + lengthBytes) throw fail("ends within its header");
  const headerLength = lengthBytes === 2 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = 8 + lengthBytes + headerLength;
  if (headerLength > LONGEST_HEADER || start > bytes.length) {
    throw fail(`header length ${headerLength} does not fit the file`);
  }
  const header = new TextDecoder().decode(bytes.subarray(8 + lengthBytes, start));
  const { order, type, columnMajor, shape } = parseHeader(header, fail);
  const read = READERS[type];
  if (read === undefined) throw fail(`dtype ${type} is not supported; use numbers or booleans`);
  const width = Number(type.slice(1));
  const count = shape.reduce((product, size) => product * BigInt(size), 1n);
  if (count * BigInt(width) !== BigInt(bytes.length - start)) {
    throw fail(
      `shape (${shape.join(", ")}) of ${type} needs ${count * BigInt(width)} bytes, but ${bytes.length - start} follow`,
    );
  }
  const length = Number(count);
  const exact = type === "f4" || type === "f2" || width === 1;
  const values = exact ? new Float32Array(length) : new Float64Array(length);
  // "<" and "|" (bytes), and "=" by everyone who writes it today, are little-endian.
  const little = order !== ">";
  for (let index = 0; index < length; index++) {
    values[index] = read(view, start + index * width, little);
  }
  return { shape, type, values: columnMajor ? toRowMajor(values, shape) : values };
}

/** The header is a Python dictionary of exactly three known keys; nothing is evaluated. */
function parseHeader(header: string, fail: (problem: string) => InputError) {
  const descr = /'descr'\s*:\s*'([<>|=]?)([a-zA-Z?]\d*)'/.exec(header);
  const columns = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const tuple = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header);
  if (/'descr'\s*:\s*'\|?O/.test(header)) {
    throw fail("holds Python objects (dtype object), which are never read; save numbers");
  }
  if (descr === null || columns === null || tuple === null) {
    throw fail("header is not that of an array of numbers");
  }
  const shape = (tuple[1] ?? "").split(",").map((size) => size.trim());
  const sizes = shape.filter((size) => size !== "").map(Number);
  if (sizes.length > LARGEST_RANK || !sizes.every(Number.isSafeInteger)) {
    throw fail(`shape (${tuple[1]}) is not valid`);
  }
  const type = descr[2] === "?" ? "b1" : (descr[2] ?? "");
  return { order: descr[1] ?? "", type, columnMajor: columns[1] === "True", shape: sizes };
}

function toRowMajor<Values extends Float32Array | Float64Array>(
  values: Values,
  shape: readonly number[],
): Values {
  const result = values.slice() as Values;
  const index = new Array<number>(shape.length).fill(0);
  const strides = shape.map((_, axis) => elementCount(shape.slice(0, axis)));
  for (let position = 0; position < values.length; position++) {
    let source = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      source += (index[axis] as number) * (strides[axis] as number);
    }
    result[position] = values[source] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      index[axis] = 0;
    }
  }
  return result;
}
