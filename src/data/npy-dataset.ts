import { stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import { readBoundedFile } from "./bounded-file.ts";
import type { MemoryDataset, TargetKind, Targets } from "./dataset.ts";
import { type DatasetRequest, dataOptions } from "./dataset-request.ts";
import { type NpyArray, parseNpy } from "./npy.ts";

export interface SampleFields {
  readonly x: string;
  readonly y: string | undefined;
}

interface SampleArrays {
  /** [count, ...sampleShape] */
  readonly x: NpyArray;
  /** [count, …] */
  readonly y: NpyArray | undefined;
  /** What the arrays are called in messages. */
  readonly fields: SampleFields;
  readonly name: string;
  readonly file: string;
  readonly kind: TargetKind | undefined;
}

/** Samples of a .npy file; their labels are the .npy file that the options name, or one beside it. */
export async function readNpyDataset(
  path: string,
  request: DatasetRequest,
): Promise<MemoryDataset> {
  const x = await readNpy(path, "x");
  const labels = await labelFile(path, dataOptions(request).labels);
  const y = labels === undefined ? undefined : await readNpy(labels, "y");
  const fields = { x: "x", y: "y" };
  return npyDataset({ x, y, fields, name: basename(path), file: path, kind: request.kind });
}

async function readNpy(path: string, field: string): Promise<NpyArray> {
  return parseNpy(await readBoundedFile(path), field, path);
}

async function labelFile(path: string, chosen: string): Promise<string | undefined> {
  const folder = dirname(path);
  if (chosen !== "") return resolve(folder, chosen);
  const name = basename(path, extname(path));
  for (const candidate of [`${name}-labels.npy`, `${name}_labels.npy`, "labels.npy", "y.npy"]) {
    const file = join(folder, candidate);
    const info = await stat(file).catch(() => undefined);
    if (info?.isFile() === true && candidate !== basename(path)) return file;
  }
  return undefined;
}

/** @throws InputError where x holds no samples, or y not one target for each. */
export function npyDataset({ x, y, fields, name, file, kind }: SampleArrays): MemoryDataset {
  const count = x.shape[0];
  const target = fields.y ?? "y";
  if (count === undefined)
    throw new InputError(`${fields.x}: is a single number, not samples`, file);
  refuseEmptyRows(fields.x, x.shape, file);
  if (y !== undefined) refuseEmptyRows(target, y.shape, file);
  if (y !== undefined && y.shape[0] !== count) {
    const rows = y.shape[0] ?? 1;
    throw new InputError(`${target}: has ${rows} rows, but ${fields.x} has ${count}`, file);
  }
  const features = x.values instanceof Float32Array ? x.values : Float32Array.from(x.values);
  const samples = { name, count, sampleShape: x.shape.slice(1), features };
  return y === undefined ? samples : { ...samples, targets: toTargets(y, kind, target, file) };
}

/** Rows without a number take no bytes: a file of a hundred could say that it has a billion of them. */
function refuseEmptyRows(field: string, shape: readonly number[], file: string): void {
  if (!shape.slice(1).includes(0)) return;
  throw new InputError(`${field}: shape (${shape.join(", ")}) has no number in a row`, file);
}

/**
 * One whole number a sample is a class, in which case numbers 0 … max are its names. Several are
 * numbers, such as a probability for each class.
 */
function toTargets(
  y: NpyArray,
  kind: TargetKind | undefined,
  field: string,
  file: string,
): Targets {
  const perSample = elementCount(y.shape.slice(1));
  const integers = /^[iub]/.test(y.type) && perSample === 1;
  if (perSample !== 1 || (kind ?? (integers ? "classes" : "numbers")) === "numbers") {
    return { kind: "numbers", values: Float32Array.from(y.values), shape: y.shape.slice(1) };
  }
  const bad = y.values.findIndex((label) => !Number.isInteger(label) || label < 0 || label > 1e6);
  if (bad >= 0) {
    throw new InputError(
      `${field}[${bad}]: ${y.values[bad]} is not a class; classes are 0, 1, 2, …`,
      file,
    );
  }
  let largest = 0;
  for (const label of y.values) largest = Math.max(largest, label);
  const classNames = Array.from({ length: largest + 1 }, (_, index) => String(index));
  return { kind: "classes", labels: Int32Array.from(y.values), classNames };
}
