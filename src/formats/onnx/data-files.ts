import { access, readdir, readFile, rm, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { fileRange } from "./file-range.ts";
import { readModel } from "./read.ts";
import { onnxSource } from "./source.ts";

/**
 * A name for the data file of a model: `<model>.data`, or with a number where that is taken.
 *
 * A data file is never overwritten, because a model that refers to it could be read, or be all that
 * is left after a crash, between the two renames.
 */
export async function freshDataFile(model: string): Promise<string> {
  for (let number = 1; ; number++) {
    const file = number === 1 ? `${model}.data` : `${model}.${number}.data`;
    const taken = await access(file).then(
      () => true,
      () => false,
    );
    if (!taken) return file;
  }
}

/** Refuses before the first byte is written, instead of filling the disk first. */
export async function requireDiskSpace(model: string, byteLength: number): Promise<void> {
  const disk = await statfs(dirname(model));
  const free = disk.bavail * disk.bsize;
  if (byteLength > free) {
    throw new InputError(
      `cannot be written: it needs ${byteLength} bytes, the disk has ${free}`,
      model,
    );
  }
}

/** Data files that NormLens wrote for the model at this path and only that model refers to. */
export async function dataFilesOf(model: string): Promise<readonly string[]> {
  const files = await readdir(dirname(model)).catch(() => []);
  const own = new Set(files.filter((file) => isDataFileName(basename(model), file)));
  if (own.size === 0) return [];
  const old = await readModel(model).catch(() => undefined);
  if (old === undefined) return [];
  const referred = [...new Set([...old.initializers.values()].flatMap(dataFile))];
  return referred.filter((file) => dirname(file) === dirname(model) && own.has(basename(file)));
}

function isDataFileName(model: string, file: string): boolean {
  return file.startsWith(`${model}.`) && /^\.(\d+\.)?data$/.test(file.slice(model.length));
}

/**
 * Deletes data files that a model has just stopped referring to, but for those that the written
 * graph or its source reads, or that another model in the folder mentions.
 */
export async function removeDataFiles(candidates: readonly string[], graph: Graph): Promise<void> {
  if (candidates.length === 0) return;
  const read = new Set([
    ...[...graph.initializers.values()].flatMap(dataFile),
    ...[...(onnxSource(graph)?.encoded.keys() ?? [])].flatMap((element) =>
      "data" in element ? dataFile(element as Tensor) : [],
    ),
  ]);
  for (const file of candidates) {
    if (!read.has(file) && !(await isMentioned(file))) await rm(file, { force: true });
  }
}

function dataFile(tensor: Tensor): string[] {
  const range = fileRange(tensor.data);
  return range === undefined ? [] : [range.path];
}

/** Whether any model beside the file holds its name; a model that cannot be read might. */
async function isMentioned(file: string): Promise<boolean> {
  const folder = dirname(file);
  for (const other of await readdir(folder)) {
    if (!/\.(onnx|ort|pb)$/i.test(other)) continue;
    const mentions = await readFile(join(folder, other)).then(
      (bytes) => bytes.includes(basename(file)),
      () => true,
    );
    if (mentions) return true;
  }
  return false;
}
