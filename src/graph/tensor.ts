import type { TensorProto } from "onnx-buf";
import { DataType } from "./data-type.ts";
import { InputError } from "./input-error.ts";

/**
 * A named constant tensor whose data stays where it is until somebody reads it.
 *
 * `data.read()` returns little-endian elements in row-major order, as ONNX raw_data has them,
 * without a copy where the storage allows it. Treat the bytes as read-only.
 */
export interface Tensor {
  readonly name: string;
  /** Sizes of the dimensions; [] is a scalar. */
  readonly dims: readonly number[];
  readonly dataType: DataType;
  readonly data: TensorData;
  /** The message it was read from, with everything but the data: doc string, unknown fields. */
  readonly header?: TensorProto;
}

export interface TensorData {
  /**
   * How the file stores it; "memory" is data that a pass computed. "external" data is read from its
   * file each time, so the bytes belong to whoever asked for them.
   */
  readonly encoding: "raw" | "typed" | "external" | "memory" | "strings";
  /** Size of read()'s result in bytes; known without reading. */
  readonly byteLength: number;
  /** @throws InputError when an external file is missing or too short. */
  read(): Uint8Array;
  /**
   * Puts read()'s bytes from start on into the caller's memory, as many as it takes, where data that
   * is computed or read from a file whenever it is asked for needs none of its own that way.
   *
   * @param start a multiple of 8 bytes, so that no element is cut in two.
   */
  readInto?(target: Uint8Array, start: number): void;
}

/** Puts a tensor's bytes from start on into memory at hand, as many as it takes. */
export function copyData(data: TensorData, target: Uint8Array, start: number): void {
  if (data.readInto !== undefined) data.readInto(target, start);
  else target.set(data.read().subarray(start, start + target.length));
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** A float32 tensor over values that are already rounded. */
export function float32Tensor(
  name: string,
  dims: readonly number[],
  values: Float32Array | readonly number[],
): Tensor {
  const data = values instanceof Float32Array ? values : Float32Array.from(values);
  return memoryTensor(name, dims, DataType.FLOAT, bytesOf(data));
}

/** An int64 tensor, the type ONNX uses for shapes, axes and indices. */
export function int64Tensor(name: string, dims: readonly number[], values: readonly number[]) {
  const data = BigInt64Array.from(values, (value) => BigInt(value));
  return memoryTensor(name, dims, DataType.INT64, bytesOf(data));
}

export function memoryTensor(
  name: string,
  dims: readonly number[],
  dataType: DataType,
  bytes: Uint8Array,
): Tensor {
  const data: TensorData = { encoding: "memory", byteLength: bytes.byteLength, read: () => bytes };
  return { name, dims, dataType, data };
}

function bytesOf(array: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Refuses element types whose values are not real numbers that fit a float64. */
export function requireNumeric(tensor: Tensor): void {
  if (tensor.dataType === DataType.STRING) {
    throw new InputError(`tensor ${tensor.name}: numbers are needed, but it holds strings`);
  }
}
