import { DataType, elementBits } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import { elementCount } from "../../graph/tensor.ts";
import { isList, isObject, type Json, type JsonObject, shown } from "../layers/json.ts";

/** Weights whose numbers follow each other in the bytes of the group's files, joined. */
export interface WeightGroup {
  /** Relative to the folder of model.json. */
  readonly paths: readonly string[];
  readonly weights: readonly WeightEntry[];
}

export interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** Of the numbers, whatever they are stored as. */
  readonly dataType: DataType;
  readonly quantization: Quantization | undefined;
  /** What it takes in the group's bytes. */
  readonly byteLength: number;
  /** As the file has it. */
  readonly raw: JsonObject;
}

/** value = scale · q + min; float16 is converted without either. */
export interface Quantization {
  readonly stored: "uint8" | "uint16" | "float16";
  readonly scale: number;
  readonly min: number;
}

const DATA_TYPES: ReadonlyMap<Json | undefined, DataType> = new Map([
  ["float32", DataType.FLOAT],
  ["int32", DataType.INT32],
  ["bool", DataType.BOOL],
]);

const QUANTIZED_BYTES = { uint8: 1, uint16: 2, float16: 2 } as const;

/** What one weight may take, and one group of them, which is in memory as a whole. */
export const LARGEST_WEIGHT_BYTES = 2 ** 32;

/** The groups of a weightsManifest. */
export function parseManifest(value: Json | undefined): WeightGroup[] {
  if (value === undefined || value === null) return [];
  if (!isList(value)) throw new InputError(`weightsManifest is ${shown(value)}; a list is needed`);
  const groups = value.map((group, position) => {
    const where = `weightsManifest[${position}]`;
    if (!isObject(group) || !isList(group.weights) || !isList(group.paths)) {
      throw new InputError(`${where} is ${shown(group)}; lists of paths and weights are needed`);
    }
    return {
      paths: group.paths.map((path) => checkedPath(path, where)),
      weights: group.weights.map((weight, index) =>
        parseWeight(weight, `${where}.weights[${index}]`),
      ),
    };
  });
  refuseRepeatedPaths(groups);
  return groups;
}

/** A file that is named a thousand times would take a thousand times its size. */
function refuseRepeatedPaths(groups: readonly WeightGroup[]): void {
  const seen = new Set<string>();
  for (const path of groups.flatMap(({ paths }) => paths)) {
    if (seen.has(path)) throw new InputError(`weightsManifest names the file ${path} twice`);
    seen.add(path);
  }
}

/** Only plain relative paths below the model's folder: nothing in a file decides what else is read. */
function checkedPath(path: Json, where: string): string {
  const text = typeof path === "string" ? path : "";
  const parts = text.split("/");
  const plain = parts.every((part) => part !== "" && part !== "." && part !== "..");
  // A backslash separates folders and a colon names drives and protocols on some systems.
  if (!plain || /[\\:\0]/.test(text)) {
    throw new InputError(
      `${where}: the path ${shown(path)} is not allowed; weights lie below the model's own folder, in a relative path`,
    );
  }
  return text;
}

function parseWeight(value: Json, where: string): WeightEntry {
  if (!isObject(value) || typeof value.name !== "string" || value.name === "") {
    throw new InputError(`${where} is ${shown(value)}; a weight with a name is needed`);
  }
  const named = `weight ${value.name}`;
  const { shape } = value;
  const isSize = (size: Json) => Number.isSafeInteger(size) && Number(size) >= 0;
  if (!isList(shape) || shape.length > 8 || !shape.every(isSize)) {
    throw new InputError(`${named}: shape is ${shown(shape)}; a list of sizes is needed`);
  }
  const sizes = shape as readonly number[];
  const dataType = DATA_TYPES.get(value.dtype);
  if (dataType === undefined) {
    throw new InputError(
      `${named}: dtype is ${shown(value.dtype)}; ${[...DATA_TYPES.keys()].join(", ")} are supported`,
    );
  }
  const quantization = parseQuantization(value.quantization, named);
  const bytes =
    quantization === undefined
      ? (elementBits(dataType) ?? 0) / 8
      : QUANTIZED_BYTES[quantization.stored];
  const byteLength = elementCount(sizes) * bytes;
  if (!(byteLength <= LARGEST_WEIGHT_BYTES)) {
    throw new InputError(`${named}: shape [${sizes}] is more than a file can hold`);
  }
  return { name: value.name, shape: sizes, dataType, quantization, byteLength, raw: value };
}

function parseQuantization(value: Json | undefined, named: string): Quantization | undefined {
  if (value === undefined || value === null) return undefined;
  const { dtype = null, scale = 1, min = 0 } = isObject(value) ? value : {};
  const stored = dtype === "uint8" || dtype === "uint16" || dtype === "float16" ? dtype : undefined;
  if (stored === undefined || typeof scale !== "number" || typeof min !== "number") {
    throw new InputError(
      `${named}: quantization is ${shown(value)}; a dtype of uint8, uint16 or float16 with numbers as scale and min is needed`,
    );
  }
  return { stored, scale, min };
}
