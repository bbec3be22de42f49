import { create } from "@bufbuild/protobuf";
import { type TensorProto, TensorProtoSchema } from "onnx-buf";
import { DataType, dataTypeName, elementBits } from "./data-type.ts";
import type { Immutable } from "./graph.ts";
import { InputError } from "./input-error.ts";
import { elementCount, type Tensor, type TensorData } from "./tensor.ts";

/** A tensor over a message that holds its own data, as attributes and subgraphs have it. */
export function messageTensor(message: Immutable<TensorProto>): Tensor {
  const dims = message.dims.map(Number);
  return {
    name: message.name,
    dims,
    dataType: message.dataType as DataType,
    data: messageData(message, dims),
    header: message as TensorProto,
  };
}

function messageData(message: Immutable<TensorProto>, dims: readonly number[]): TensorData {
  if (message.dataType === DataType.STRING) {
    return { encoding: "strings", byteLength: 0, read: () => refuseStrings(message.name) };
  }
  if (message.rawData.length > 0) {
    const bytes = message.rawData as Uint8Array;
    return { encoding: "raw", byteLength: bytes.length, read: () => bytes };
  }
  const bits = elementBits(message.dataType) ?? 0;
  const byteLength = Math.ceil((elementCount(dims) * bits) / 8);
  return { encoding: "typed", byteLength, read: () => typedBytes(message) };
}

function refuseStrings(name: string): never {
  throw new InputError(`tensor ${name}: it holds strings, not numbers`);
}

/** The little-endian bytes of a tensor stored in float_data, int32_data and their kin. */
function typedBytes(message: Immutable<TensorProto>): Uint8Array {
  switch (message.dataType) {
    case DataType.FLOAT:
      return bytes(Float32Array.from(message.floatData));
    case DataType.DOUBLE:
      return bytes(Float64Array.from(message.doubleData));
    case DataType.INT64:
      return bytes(BigInt64Array.from(message.int64Data));
    case DataType.UINT64:
      return bytes(BigUint64Array.from(message.uint64Data));
    case DataType.UINT32:
      return bytes(Uint32Array.from(message.uint64Data, Number));
    case DataType.INT32:
      return bytes(Int32Array.from(message.int32Data));
    case DataType.INT16:
    case DataType.UINT16:
    case DataType.FLOAT16:
    case DataType.BFLOAT16:
      return bytes(Uint16Array.from(message.int32Data));
    case DataType.INT8:
    case DataType.UINT8:
    case DataType.BOOL:
      return Uint8Array.from(message.int32Data);
    default:
      throw new InputError(
        `tensor ${message.name}: data of type ${dataTypeName(message.dataType)} is not supported in typed fields`,
      );
  }
}

function bytes(array: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }) {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** A message that holds the tensor's data itself, for attributes and subgraphs. */
export function tensorMessage(tensor: Tensor): TensorProto {
  return create(TensorProtoSchema, {
    name: tensor.name,
    dims: tensor.dims.map(BigInt),
    dataType: tensor.dataType,
    rawData: Uint8Array.from(tensor.data.read()),
    docString: tensor.header?.docString ?? "",
  });
}
