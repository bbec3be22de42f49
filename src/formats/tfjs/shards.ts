import { open, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { InputError } from "../../graph/input-error.ts";
import { memoryTensor, type Tensor } from "../../graph/tensor.ts";
import { LARGEST_WEIGHT_BYTES, type WeightGroup } from "./manifest.ts";
import { dequantized } from "./quantization.ts";

/** A file of a group and the bytes in it. */
export interface Shard {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A group with its files read. */
export interface LoadedGroup {
  readonly group: WeightGroup;
  readonly shards: readonly Shard[];
  /** The shards' bytes, joined. */
  readonly bytes: Uint8Array;
}

/**
 * Reads the files of a group, after their sizes have been found to be what the weights take.
 *
 * @param modelFile model.json; the files lie in its folder, links followed.
 */
export async function loadGroup(group: WeightGroup, modelFile: string): Promise<LoadedGroup> {
  const files: { path: string; file: string; size: number }[] = [];
  const folder = await realpath(dirname(modelFile));
  for (const path of group.paths) {
    const file = await insideFolder(folder, path);
    files.push({ path, file, size: (await stat(file)).size });
  }
  const has = files.reduce((sum, { size }) => sum + size, 0);
  const needed = group.weights.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (has !== needed) {
    throw new InputError(
      `the weights in ${group.paths.join(", ") || "no file"} have ${has} bytes; their shapes and types need ${needed}`,
    );
  }
  if (needed > LARGEST_WEIGHT_BYTES) {
    throw new InputError(
      `the weights in ${group.paths[0]}, … have ${needed} bytes; ${LARGEST_WEIGHT_BYTES} at most are read`,
    );
  }
  const bytes = new Uint8Array(needed);
  const shards: Shard[] = [];
  let position = 0;
  for (const { path, file, size } of files) {
    const part = bytes.subarray(position, position + size);
    await readInto(file, part, path);
    shards.push({ path, bytes: part });
    position += size;
  }
  return { group, shards, bytes };
}

/** The real path decides, so that a link cannot lead out of the folder. */
async function insideFolder(folder: string, path: string): Promise<string> {
  const stated = join(folder, path);
  const file = await realpath(stated).catch(() => {
    throw new InputError(`the file of weights ${path} is missing`);
  });
  const way = relative(folder, file);
  if (way === "" || way.startsWith("..") || isAbsolute(way)) {
    throw new InputError(`the file of weights ${path} lies outside the model's folder`);
  }
  if (!(await stat(file)).isFile()) throw new InputError(`${path} is not a file`);
  return file;
}

async function readInto(file: string, target: Uint8Array, path: string): Promise<void> {
  const handle = await open(file, "r");
  try {
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await handle.read(target, done, target.length - done, done);
      if (bytesRead === 0) throw new InputError(`${path} became shorter while it was read`);
      done += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** The weights of a group; quantized ones are converted when they are read. */
export function groupTensors({ group, bytes }: LoadedGroup): Tensor[] {
  let position = 0;
  return group.weights.map((entry) => {
    const part = bytes.subarray(position, position + entry.byteLength);
    position += entry.byteLength;
    const { name, shape, dataType } = entry;
    return memoryTensor(name, shape, dataType, dequantized(entry, part));
  });
}
