import { DataType, dataTypeName } from "../../../graph/data-type.ts";
import { readFloat64 } from "../../../graph/numbers.ts";
import { elementCount, type Tensor } from "../../../graph/tensor.ts";
import { transposeBytes } from "../../../graph/transpose-bytes.ts";
import { unwritable } from "./unwritable.ts";
import type { WrittenWeight } from "./written-layer.ts";

const FLOAT_BYTES = 4;

/** Refuses weights of other types than layers are written with. */
export function requireFloat(tensor: Tensor): void {
  if (tensor.dataType !== DataType.FLOAT) {
    unwritable(`${tensor.name} is ${dataTypeName(tensor.dataType)}; only float32 is written`);
  }
}

/** Numbers computed when they are asked for, under the sizes that Keras has them in. */
export function weight(
  name: string,
  dims: readonly number[],
  compute: () => Float32Array,
): WrittenWeight {
  const byteLength = elementCount(dims) * FLOAT_BYTES;
  const read = () => {
    const values = compute();
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  };
  const data = { encoding: "memory", byteLength, read } as const;
  return { name, tensor: { name, dims, dataType: DataType.FLOAT, data } };
}

/** A tensor whose axes Keras has in another order: axis i is axis order[i]. */
export function turnedWeight(name: string, tensor: Tensor, order: readonly number[]) {
  requireFloat(tensor);
  const dims = order.map((axis) => tensor.dims[axis] ?? 1);
  const read = () => transposeBytes(tensor.data.read(), tensor.dims, order, FLOAT_BYTES);
  const data = { encoding: "memory", byteLength: tensor.data.byteLength, read } as const;
  return { name, tensor: { name, dims, dataType: DataType.FLOAT, data } };
}

/** The same elements under other sizes. */
export function withDims(tensor: Tensor, dims: readonly number[]): Tensor {
  return { name: tensor.name, dims, dataType: tensor.dataType, data: tensor.data };
}

export function floats(tensor: Tensor): Float32Array {
  requireFloat(tensor);
  return new Float32Array(readFloat64(tensor));
}

/** A vector of one length, from a tensor with that many elements or one that counts for all. */
export function vectorWeight(name: string, tensor: Tensor, length: number): WrittenWeight {
  requireFloat(tensor);
  const count = elementCount(tensor.dims);
  if (count !== length && count !== 1) {
    unwritable(`${tensor.name} has ${count} elements; ${length} are needed`);
  }
  if (count === length) return { name, tensor: { ...withDims(tensor, [length]), name } };
  return weight(name, [length], () => new Float32Array(length).fill(floats(tensor)[0] ?? 0));
}

export function filledWeight(name: string, length: number, value: number): WrittenWeight {
  return weight(name, [length], () => new Float32Array(length).fill(value));
}
