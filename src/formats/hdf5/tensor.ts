import { DataType } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import { readFloat64 } from "../../graph/numbers.ts";
import { memoryTensor, type Tensor } from "../../graph/tensor.ts";
import type { Hdf5Dataset } from "./tree.ts";

const FLOATS: ReadonlyMap<number, DataType> = new Map([
  [2, DataType.FLOAT16],
  [4, DataType.FLOAT],
  [8, DataType.DOUBLE],
]);

/**
 * A dataset as a float32 tensor: half precision is exact in it, double precision is rounded.
 *
 * @param path the dataset's, for refusals.
 */
export function datasetTensor(name: string, dataset: Hdf5Dataset, path: string): Tensor {
  const { type, shape, bytes } = dataset;
  const stated = dataset.attributes.get("dtype")?.values[0];
  const stored = type?.kind === "float" ? FLOATS.get(type.size) : undefined;
  if (type === undefined || stored === undefined || stated !== undefined) {
    const integer = type && `${type.signed ? "int" : "uint"}${8 * type.size}`;
    const found =
      stated ?? (type?.kind === "float" ? `float${8 * type.size}` : integer) ?? "no number";
    throw new InputError(
      `weight ${path} is stored as ${found}; float16, float32 and float64 can be read`,
    );
  }
  if (stored === DataType.FLOAT) return memoryTensor(name, shape, stored, bytes);
  const numbers = Float32Array.from(readFloat64(memoryTensor(name, shape, stored, bytes)));
  return memoryTensor(name, shape, DataType.FLOAT, new Uint8Array(numbers.buffer));
}
