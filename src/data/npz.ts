import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { unzipSync } from "fflate";
import { InputError } from "../graph/input-error.ts";
import { elementCount } from "../graph/tensor.ts";
import { LARGEST_DATA_BYTES, readBounded } from "./bounded-file.ts";
import type { Dataset, TargetKind, Targets } from "./dataset.ts";
import { type NpyArray, parseNpy } from "./npy.ts";

/** Reads the arrays of a .npz file, numpy's zip of .npy files, by name. */
export async function readNpz(path: string): Promise<ReadonlyMap<string, NpyArray>> {
  return parseNpz(await readBounded(createReadStream(path), path), path);
}

export function parseNpz(bytes: Uint8Array, file: string): ReadonlyMap<string, NpyArray> {
  const arrays = new Map<string, NpyArray>();
  for (const [name, content] of Object.entries(unzipBounded(bytes, file))) {
    arrays.set(name.slice(0, -".npy".length), parseNpy(content, name, file));
  }
  return arrays;
}

/**
 * The .npy members of a zip. The expanded sizes are added up from the directory before anything is
 * expanded, and fflate expands into a buffer of exactly the declared size, so that a member that
 * lies about its size is cut off and then refused for it.
 */
function unzipBounded(bytes: Uint8Array, file: string): Readonly<Record<string, Uint8Array>> {
  let total = 0;
  try {
    return unzipSync(bytes, {
      filter: (member) => {
        if (!member.name.endsWith(".npy")) return false;
        total += member.originalSize;
        if (total > LARGEST_DATA_BYTES) {
          throw new InputError(
            `${member.name}: the arrays expand to more than ${LARGEST_DATA_BYTES} bytes`,
            file,
          );
        }
        return true;
      },
    });
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError("is not a valid .npz (zip) file", file);
  }
}

/**
 * A data set of a .npz file: samples in `x`, targets (if any) in `y`.
 *
 * @param input the model's input, after which the samples may be called instead.
 */
export async function readNpzDataset(
  path: string,
  kind?: TargetKind,
  input?: string,
): Promise<Dataset> {
  const arrays = await readNpz(path);
  const named = input === undefined || arrays.has("x") ? undefined : arrays.get(input);
  const samples = named === undefined ? arrays : new Map([...arrays, ["x", named] as const]);
  return npzDataset(samples, basename(path), path, kind);
}

export function npzDataset(
  arrays: ReadonlyMap<string, NpyArray>,
  name: string,
  file: string,
  kind?: TargetKind,
): Dataset {
  const x = arrays.get("x");
  const y = arrays.get("y");
  if (x === undefined) {
    throw new InputError(`has no array x; it has ${[...arrays.keys()].join(", ") || "none"}`, file);
  }
  const count = x.shape[0];
  if (count === undefined) throw new InputError("x: is a single number, not samples", file);
  if (y !== undefined && y.shape[0] !== count) {
    throw new InputError(`y: has ${y.shape[0] ?? 1} rows, but x has ${count}`, file);
  }
  const features = x.values instanceof Float32Array ? x.values : Float32Array.from(x.values);
  const targets = y === undefined ? undefined : toTargets(y, kind, file);
  const samples = { name, count, sampleShape: x.shape.slice(1), features };
  return targets === undefined ? samples : { ...samples, targets };
}

/**
 * One whole number a sample is a class, in which case numbers 0 … max are its names. Several are
 * numbers, such as a probability for each class.
 */
function toTargets(y: NpyArray, kind: TargetKind | undefined, file: string): Targets {
  const perSample = elementCount(y.shape.slice(1));
  const integers = /^[iub]/.test(y.type) && perSample === 1;
  if (perSample !== 1 || (kind ?? (integers ? "classes" : "numbers")) === "numbers") {
    return { kind: "numbers", values: Float32Array.from(y.values), shape: y.shape.slice(1) };
  }
  const bad = y.values.findIndex((label) => !Number.isInteger(label) || label < 0 || label > 1e6);
  if (bad >= 0) {
    throw new InputError(
      `y[${bad}]: ${y.values[bad]} is not a class; classes are 0, 1, 2, …`,
      file,
    );
  }
  let largest = 0;
  for (const label of y.values) largest = Math.max(largest, label);
  const classNames = Array.from({ length: largest + 1 }, (_, index) => String(index));
  return { kind: "classes", labels: Int32Array.from(y.values), classNames };
}
