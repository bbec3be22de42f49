import { basename } from "node:path";
import { type UnzipFileInfo, unzipSync } from "fflate";
import { InputError } from "../graph/input-error.ts";
import { LARGEST_DATA_BYTES, readBoundedFile } from "./bounded-file.ts";
import type { MemoryDataset } from "./dataset.ts";
import type { DatasetRequest } from "./dataset-request.ts";
import { joinParts } from "./join-parts.ts";
import { type NpyArray, parseNpy } from "./npy.ts";
import { npyDataset } from "./npy-dataset.ts";
import { arrayParts } from "./npz-parts.ts";

/** Reads the arrays of a .npz file, numpy's zip of .npy files, by name. */
export async function readNpz(path: string): Promise<ReadonlyMap<string, NpyArray>> {
  return parseNpz(await readBoundedFile(path), path);
}

export function parseNpz(bytes: Uint8Array, file: string): ReadonlyMap<string, NpyArray> {
  const arrays = new Map<string, NpyArray>();
  for (const [name, content] of Object.entries(unzipBounded(bytes, file))) {
    arrays.set(name.slice(0, -".npy".length), parseNpy(content, name, file));
  }
  return arrays;
}

/** Deflate never does better, so that a member that expands to more than this times its size is made up. */
const BEST_COMPRESSION = 1032;

/** Zip's method of a member that is not compressed. */
const STORED = 0;

/**
 * The .npy members of a zip. The expanded sizes are added up from the directory before anything is
 * expanded, and fflate expands into a buffer of exactly the declared size, so that a member that
 * lies about its size is cut off and then refused for it.
 */
function unzipBounded(bytes: Uint8Array, file: string): Readonly<Record<string, Uint8Array>> {
  let total = 0;
  const sizes = new Map<string, number>();
  let members: Record<string, Uint8Array>;
  try {
    members = unzipSync(bytes, {
      filter: (member) => {
        if (!member.name.endsWith(".npy")) return false;
        refuseMadeUp(member, sizes, bytes.length, file);
        sizes.set(member.name, member.originalSize);
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
  for (const [name, { length }] of Object.entries(members)) {
    if (length === sizes.get(name)) continue;
    throw new InputError(
      `${name}: expands to ${length} bytes; the archive says ${sizes.get(name)}`,
      file,
    );
  }
  return members;
}

function refuseMadeUp(
  { name, compression, size, originalSize }: UnzipFileInfo,
  known: ReadonlyMap<string, number>,
  fileBytes: number,
  file: string,
): void {
  if (known.has(name)) throw new InputError(`${name}: is in the archive twice`, file);
  const most = compression === STORED ? size : size * BEST_COMPRESSION;
  if (size > fileBytes || originalSize > most || (compression === STORED && originalSize < size)) {
    throw new InputError(
      `${name}: the archive says that its ${size} bytes expand to ${originalSize}, which they cannot`,
      file,
    );
  }
}

/** A data set of a .npz file: samples and targets, and its own parts, by the names that arrayParts knows. */
export async function readNpzDataset(
  path: string,
  request: DatasetRequest,
): Promise<MemoryDataset> {
  return npzDataset(await readNpz(path), basename(path), path, request);
}

export function npzDataset(
  arrays: ReadonlyMap<string, NpyArray>,
  name: string,
  file: string,
  { kind, input }: DatasetRequest = {},
): MemoryDataset {
  const parts = arrayParts(arrays, file, input?.name).map(({ part, x, y }) => {
    const fields = { x: x.name, y: y?.name };
    return {
      part,
      fields,
      data: npyDataset({ x: x.array, y: y?.array, fields, name, file, kind }),
    };
  });
  return joinParts(parts, file);
}
