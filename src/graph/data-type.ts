import { TensorProto_DataType as DataType } from "onnx-buf";

export { DataType };

interface ElementType {
  /** The name used on pages and in JSON. */
  readonly name: string;
  /** Storage of one element in raw_data; sub-byte types are packed, hence bits. */
  readonly bits: number;
}

/** Element types of ONNX tensors; STRING has no fixed size and is left out on purpose. */
const ELEMENT_TYPES: ReadonlyMap<number, ElementType> = new Map([
  [DataType.FLOAT, { name: "float32", bits: 32 }],
  [DataType.UINT8, { name: "uint8", bits: 8 }],
  [DataType.INT8, { name: "int8", bits: 8 }],
  [DataType.UINT16, { name: "uint16", bits: 16 }],
  [DataType.INT16, { name: "int16", bits: 16 }],
  [DataType.INT32, { name: "int32", bits: 32 }],
  [DataType.INT64, { name: "int64", bits: 64 }],
  [DataType.BOOL, { name: "bool", bits: 8 }],
  [DataType.FLOAT16, { name: "float16", bits: 16 }],
  [DataType.DOUBLE, { name: "float64", bits: 64 }],
  [DataType.UINT32, { name: "uint32", bits: 32 }],
  [DataType.UINT64, { name: "uint64", bits: 64 }],
  [DataType.COMPLEX64, { name: "complex64", bits: 64 }],
  [DataType.COMPLEX128, { name: "complex128", bits: 128 }],
  [DataType.BFLOAT16, { name: "bfloat16", bits: 16 }],
  [DataType.FLOAT8E4M3FN, { name: "float8e4m3fn", bits: 8 }],
  [DataType.FLOAT8E4M3FNUZ, { name: "float8e4m3fnuz", bits: 8 }],
  [DataType.FLOAT8E5M2, { name: "float8e5m2", bits: 8 }],
  [DataType.FLOAT8E5M2FNUZ, { name: "float8e5m2fnuz", bits: 8 }],
  [DataType.UINT4, { name: "uint4", bits: 4 }],
  [DataType.INT4, { name: "int4", bits: 4 }],
  [DataType.FLOAT4E2M1, { name: "float4e2m1", bits: 4 }],
]);

/** "float32", "string", or "type 99" for a number this version of the format does not define. */
export function dataTypeName(dataType: number): string {
  if (dataType === DataType.STRING) return "string";
  return ELEMENT_TYPES.get(dataType)?.name ?? `type ${dataType}`;
}

/** Bits of one stored element; undefined for strings and for unknown types. */
export function elementBits(dataType: number): number | undefined {
  return ELEMENT_TYPES.get(dataType)?.bits;
}

/** True for the types whose values are real numbers that training and folding may change. */
export function isFloatingPoint(dataType: number): boolean {
  return (
    dataType === DataType.FLOAT ||
    dataType === DataType.DOUBLE ||
    dataType === DataType.FLOAT16 ||
    dataType === DataType.BFLOAT16
  );
}
