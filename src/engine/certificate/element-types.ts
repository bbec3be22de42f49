import { DataType, dataTypeName } from "../../graph/data-type.ts";
import type { ValueInfo } from "../../graph/graph.ts";
import type { RuntimeType } from "../../runtime/runtime.ts";

/** The types that can be handed to a runtime, by ONNX's number. */
const RUNTIME_TYPES: ReadonlyMap<DataType, RuntimeType> = new Map([
  [DataType.FLOAT, "float32"],
  [DataType.DOUBLE, "float64"],
  [DataType.FLOAT16, "float16"],
  [DataType.INT8, "int8"],
  [DataType.UINT8, "uint8"],
  [DataType.INT16, "int16"],
  [DataType.UINT16, "uint16"],
  [DataType.INT32, "int32"],
  [DataType.UINT32, "uint32"],
  [DataType.INT64, "int64"],
  [DataType.UINT64, "uint64"],
  [DataType.BOOL, "bool"],
]);

const DATA_TYPES = new Map([...RUNTIME_TYPES].map(([data, runtime]) => [runtime, data] as const));

export function dataTypeOf(type: RuntimeType): DataType {
  return DATA_TYPES.get(type) ?? DataType.UNDEFINED;
}

/** The type in which an input is fed; undefined where a runtime takes none of its kind. */
export function runtimeTypeOf(input: ValueInfo): RuntimeType | undefined {
  const type = input.type?.value;
  return type?.case === "tensorType" ? runtimeType(type.value.elemType) : undefined;
}

/** The same for a stored type. */
export function runtimeType(dataType: DataType): RuntimeType | undefined {
  return RUNTIME_TYPES.get(dataType);
}

/** "float32", or what else the file declares. */
export function declaredTypeName(input: ValueInfo): string {
  const type = input.type?.value;
  if (type?.case === "tensorType") return dataTypeName(type.value.elemType);
  return type?.case ?? "of unknown type";
}
