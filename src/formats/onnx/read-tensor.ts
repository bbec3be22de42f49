import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { TensorProto_DataLocation, TensorProtoSchema } from "onnx-buf";
import { DataType, dataTypeName, elementBits } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import type { Tensor, TensorData } from "../../graph/tensor.ts";
import { decode, refusing } from "./decode.ts";
import { type ExternalFolder, parseExternalLocation } from "./external-data.ts";
import { TensorField } from "./fields.ts";
import { Encoded, type Field, scanFields } from "./wire.ts";

const DATA_FIELDS: ReadonlySet<number> = new Set([
  TensorField.floatData,
  TensorField.int32Data,
  TensorField.stringData,
  TensorField.int64Data,
  TensorField.rawData,
  TensorField.doubleData,
  TensorField.uint64Data,
]);

/**
 * Reads an encoded TensorProto without decoding its data.
 *
 * Type, shape and the bytes that are really there are held against each other before anything is
 * allocated, so a file cannot claim more than it has.
 *
 * @param external where external data may lie; undefined when the model is only bytes.
 */
export function readTensor(
  encoded: Encoded,
  where: string,
  external: ExternalFolder | undefined,
): Tensor {
  const data: Field[] = [];
  const rest: Uint8Array[] = [];
  for (const field of scanFields(encoded, where)) {
    if (DATA_FIELDS.has(field.number)) data.push(field);
    else rest.push(field.whole.bytes);
  }
  const header = decode(TensorProtoSchema, Buffer.concat(rest), where);
  const name = header.name;
  const dims = checkedDims(name, header.dims);
  const dataType = header.dataType as DataType;
  const tensor = { name, dims, dataType, header };
  if (dataType === DataType.STRING) return { ...tensor, data: stringData(name) };
  const byteLength = neededBytes(name, dataType, dims);
  if (header.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    if (external === undefined) {
      throw new InputError(`initializer ${name}: external data needs a model file beside it`);
    }
    const location = parseExternalLocation(name, header.externalData);
    return { ...tensor, data: external.data(name, location, byteLength) };
  }
  return { ...tensor, data: inlineData(tensor, data, byteLength) };
}

function stringData(name: string): TensorData {
  const read = (): never => {
    throw new InputError(`initializer ${name}: it holds strings, not numbers`);
  };
  return { encoding: "strings", byteLength: 0, read };
}

function checkedDims(name: string, dims: readonly bigint[]): number[] {
  return dims.map((dim, axis) => {
    if (dim < 0n || dim > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new InputError(`initializer ${name}: dims[${axis}] is ${dim}, a size ≥ 0 is needed`);
    }
    return Number(dim);
  });
}

/** Bytes of dense storage, computed exactly: 10^12 elements must not wrap around. */
function neededBytes(name: string, dataType: number, dims: readonly number[]): number {
  const bits = elementBits(dataType);
  if (bits === undefined) {
    throw new InputError(`initializer ${name}: data_type ${dataType} is not a known element type`);
  }
  const elements = dims.reduce((product, dim) => product * BigInt(dim), 1n);
  const bytes = (elements * BigInt(bits) + 7n) / 8n;
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InputError(`initializer ${name}: shape [${dims}] claims ${elements} elements`);
  }
  return Number(bytes);
}

function inlineData(
  tensor: { readonly name: string; readonly dims: readonly number[]; readonly dataType: DataType },
  fields: readonly Field[],
  byteLength: number,
): TensorData {
  const raw = fields.filter((field) => field.number === TensorField.rawData).at(-1);
  const typed = fields.filter((field) => field.number !== TensorField.rawData);
  const wanted = `its shape [${tensor.dims}] of ${dataTypeName(tensor.dataType)} needs ${byteLength}`;
  if (typed.length === 0) {
    const stored = raw?.content ?? Encoded.of(new Uint8Array());
    if (stored.byteLength !== byteLength) {
      throw new InputError(
        `initializer ${tensor.name}: raw_data has ${stored.byteLength} bytes, but ${wanted}`,
      );
    }
    return {
      encoding: "raw",
      byteLength,
      read: () => stored.bytes,
      readInto: (target, start) => stored.copyInto(target, start),
    };
  }
  // An element takes at least one byte on the wire, so this bounds the allocation by the file.
  const available = typed.reduce((sum, field) => sum + field.content.byteLength, 0);
  const elements = Math.floor((byteLength * 8) / (elementBits(tensor.dataType) ?? 8));
  if (elements > available) {
    throw new InputError(
      `initializer ${tensor.name}: its data fields have ${available} bytes, but ${wanted}`,
    );
  }
  return {
    encoding: "typed",
    byteLength,
    read: () => typedBytes(tensor.name, tensor.dataType, typed, elements, byteLength),
  };
}

/** Decodes float_data and its kin into the little-endian bytes that raw_data would have. */
function typedBytes(
  name: string,
  dataType: DataType,
  fields: readonly Field[],
  elements: number,
  byteLength: number,
): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  const width = byteLength / Math.max(elements, 1);
  if (!Number.isInteger(width)) {
    throw new InputError(
      `initializer ${name}: ${dataTypeName(dataType)} in typed fields is not supported`,
    );
  }
  const view = new DataView(bytes.buffer);
  let count = 0;
  for (const field of fields) {
    const fixed = field.number === TensorField.floatData || field.number === TensorField.doubleData;
    if (fixed && field.wireType !== WireType.Varint) {
      if (count * width + field.value.length > byteLength) tooMany(name, elements);
      bytes.set(field.value, count * width);
      count += field.value.length / width;
      continue;
    }
    const reader = new BinaryReader(field.value);
    refusing(`initializer ${name}`, () => {
      while (reader.pos < reader.len) {
        if (count === elements) tooMany(name, elements);
        writeInteger(view, count * width, width, BigInt(reader.int64()));
        count += 1;
      }
    });
  }
  if (count !== elements) {
    throw new InputError(
      `initializer ${name}: its data fields have ${count} elements, its shape needs ${elements}`,
    );
  }
  return bytes;
}

function tooMany(name: string, elements: number): never {
  throw new InputError(`initializer ${name}: its data fields have more than ${elements} elements`);
}

/** float16 and bfloat16 travel as their bit patterns in int32_data, so integers are all there is. */
function writeInteger(view: DataView, offset: number, width: number, value: bigint): void {
  if (width === 8) view.setBigInt64(offset, value, true);
  else if (width === 4) view.setUint32(offset, Number(BigInt.asUintN(32, value)), true);
  else if (width === 2) view.setUint16(offset, Number(BigInt.asUintN(16, value)), true);
  else view.setUint8(offset, Number(BigInt.asUintN(8, value)));
}
