import { makeValueInfo } from "../../graph/builder.ts";
import { DataType } from "../../graph/data-type.ts";
import type { ValueInfo } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import type { Fields } from "./fields.ts";
import { isList, isObject, shown } from "./json.ts";
import type { LayerValue, Size } from "./layer-value.ts";
import type { LayerConfig } from "./model-config.ts";

const INPUT_TYPES: ReadonlyMap<string, DataType> = new Map([
  ["float32", DataType.FLOAT],
  ["int32", DataType.INT32],
  ["int64", DataType.INT64],
  ["uint8", DataType.UINT8],
  ["bool", DataType.BOOL],
]);

/** Keras refuses more axes, too. */
const MOST_AXES = 8;

export interface ModelInput {
  readonly info: ValueInfo;
  readonly value: LayerValue;
}

/** The input that an InputLayer, or the first layer of a Sequential model, declares. */
export function modelInput(layer: LayerConfig, name: string): ModelInput {
  const { fields } = layer;
  const shape = inputShape(fields);
  const dataType = INPUT_TYPES.get(typeName(fields));
  if (dataType === undefined) fields.refuse("dtype", [...INPUT_TYPES.keys()].join(", "));
  const dims = shape.map((size, axis) => size ?? (axis === 0 ? "batch" : `${name}_${axis}`));
  return {
    info: makeValueInfo(name, dataType as DataType, dims),
    value: { value: name, shape, moved: false, dataType: dataType as DataType },
  };
}

function inputShape(fields: Fields): readonly Size[] {
  const shape = statedShape(fields);
  if (shape === undefined) {
    throw new InputError(
      `${fields.where}: it states no input shape, without which nothing is known`,
    );
  }
  return shape;
}

/** batch_input_shape up to Keras 2, batch_shape from Keras 3 on; null is an open size. */
export function statedShape(fields: Fields): readonly Size[] | undefined {
  const name = fields.has("batch_shape") ? "batch_shape" : "batch_input_shape";
  const stated = fields.value(name);
  if (stated === undefined || stated === null) return undefined;
  const valid = (size: unknown) =>
    size === null || (Number.isInteger(size) && Number(size) >= 1 && Number(size) < 2 ** 31);
  if (!isList(stated) || stated.length === 0 || stated.length > MOST_AXES || !stated.every(valid)) {
    throw new InputError(
      `${fields.where}: ${name} is ${shown(stated)}; a list of sizes is needed, null where open`,
    );
  }
  return stated as Size[];
}

/** A name, or Keras 3's DTypePolicy object around it. */
function typeName(fields: Fields): string {
  const stated = fields.value("dtype") ?? "float32";
  const policy = isObject(stated) && isObject(stated.config) ? stated.config.name : stated;
  return typeof policy === "string" ? policy : "";
}
