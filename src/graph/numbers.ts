import { DataType, dataTypeName } from "./data-type.ts";
import { InputError } from "./input-error.ts";
import { memoryTensor, type Tensor } from "./tensor.ts";

/**
 * A tensor's values as float64, which holds every float16, bfloat16, float32 and small integer
 * exactly. Row-major, one entry an element.
 *
 * @throws InputError for strings, complex and sub-byte types.
 */
export function readFloat64(tensor: Tensor): Float64Array {
  const bytes = tensor.data.read();
  const aligned = alignedBuffer(bytes);
  switch (tensor.dataType) {
    case DataType.FLOAT:
      return new Float64Array(new Float32Array(aligned));
    case DataType.DOUBLE:
      return new Float64Array(aligned);
    case DataType.FLOAT16:
      return Float64Array.from(new Uint16Array(aligned), float16ToNumber);
    case DataType.BFLOAT16:
      return Float64Array.from(new Uint16Array(aligned), bfloat16ToNumber);
    case DataType.INT64:
      return Float64Array.from(new BigInt64Array(aligned), Number);
    case DataType.INT32:
      return new Float64Array(new Int32Array(aligned));
    case DataType.INT16:
      return new Float64Array(new Int16Array(aligned));
    case DataType.INT8:
      return new Float64Array(new Int8Array(aligned));
    case DataType.UINT64:
      return Float64Array.from(new BigUint64Array(aligned), Number);
    case DataType.UINT32:
      return new Float64Array(new Uint32Array(aligned));
    case DataType.UINT16:
      return new Float64Array(new Uint16Array(aligned));
    case DataType.UINT8:
    case DataType.BOOL:
      return new Float64Array(bytes);
    default:
      throw new InputError(
        `tensor ${tensor.name}: values of type ${dataTypeName(tensor.dataType)} cannot be read as numbers`,
      );
  }
}

/** The same values as numbers, for shapes, axes and other short lists. */
export function readNumbers(tensor: Tensor): number[] {
  return [...readFloat64(tensor)];
}

/**
 * A tensor from float64 values, each rounded once (to nearest, ties to even) to the given
 * floating-point type.
 */
export function roundedTensor(
  name: string,
  dims: readonly number[],
  dataType: DataType,
  values: Float64Array,
): Tensor {
  const bytes = roundedBytes(dataType, values);
  if (bytes === undefined) {
    throw new InputError(`tensor ${name}: ${dataTypeName(dataType)} is not a floating-point type`);
  }
  return memoryTensor(name, dims, dataType, bytes);
}

function roundedBytes(dataType: DataType, values: Float64Array): Uint8Array | undefined {
  switch (dataType) {
    case DataType.FLOAT:
      return new Uint8Array(new Float32Array(values).buffer);
    case DataType.DOUBLE:
      return new Uint8Array(values.slice().buffer);
    case DataType.FLOAT16:
      return new Uint8Array(Uint16Array.from(values, numberToFloat16).buffer);
    case DataType.BFLOAT16:
      return new Uint8Array(Uint16Array.from(values, numberToBfloat16).buffer);
    default:
      return undefined;
  }
}

/** Typed arrays need their own alignment; a file's bytes sit anywhere, so unaligned ones are copied. */
function alignedBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

export function float16ToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function numberToFloat16(value: number): number {
  return roundToFloat(value, { exponentBits: 5, fractionBits: 10 });
}

const scratch = new DataView(new ArrayBuffer(4));

export function bfloat16ToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

export function numberToBfloat16(value: number): number {
  return roundToFloat(value, { exponentBits: 8, fractionBits: 7 });
}

/** IEEE 754 rounding of a float64 to a 16-bit format in one step, so nothing is rounded twice. */
function roundToFloat(
  value: number,
  format: { readonly exponentBits: number; readonly fractionBits: number },
): number {
  const { exponentBits, fractionBits } = format;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const infinity = ((1 << exponentBits) - 1) << fractionBits;
  if (Number.isNaN(value)) return infinity | (1 << (fractionBits - 1));
  const bias = (1 << (exponentBits - 1)) - 1;
  const magnitude = Math.abs(value);
  if (magnitude === 0) return sign;
  if (magnitude === Number.POSITIVE_INFINITY) return sign | infinity;
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), 1 - bias);
  // Scaling by a power of two is exact, so the one rounding is roundHalfEven's.
  let units = roundHalfEven(magnitude * 2 ** (fractionBits - exponent));
  let biased = exponent + bias;
  if (units >= 2 << fractionBits) {
    units /= 2;
    biased += 1;
  }
  if (units < 1 << fractionBits) biased = 0;
  const bits = biased === 0 ? units : (biased << fractionBits) + (units - (1 << fractionBits));
  return sign | Math.min(bits, infinity);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The shortest decimal that is this number once it is rounded to float32, for files that people read. */
export function shortestNumber(value: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
