import { realpath, rm } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { type Chunk, copyPart } from "./chunk.ts";
import { modelChunks, totalBytes } from "./chunks.ts";
import { dataFilesOf, freshDataFile, removeDataFiles, requireDiskSpace } from "./data-files.ts";
import { refuseNestedExternalData } from "./nested-external.ts";
import { type NewFile, newFile } from "./new-file.ts";
import { placeTensors } from "./placement.ts";
import { onnxSource } from "./source.ts";
import { dataChunk } from "./tensor-chunks.ts";
import { type PlacedChunk, writePieces } from "./write-pieces.ts";

/** Largest message that protobuf can encode. */
const LARGEST_MODEL_BYTES = 2 ** 31 - 1;

export interface SaveOptions {
  /** Ends the writing with the signal's reason; no file is changed then. */
  readonly signal?: AbortSignal;
  /** Told how much of all bytes is written, from 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  /** Size in bytes past which tensors go into a data file; what protobuf can encode by default. */
  readonly inlineLimit?: number;
}

/** The model as self-contained bytes, with external data put in; for ONNX Runtime and tests. */
export function encodeModel(graph: Graph): Uint8Array {
  const chunks = modelChunks(graph, { inlineExternalData: true });
  refuseTooLarge(totalBytes(chunks));
  const bytes = new Uint8Array(totalBytes(chunks));
  let position = 0;
  for (const chunk of chunks) {
    copyPart(chunk, bytes.subarray(position, position + chunk.byteLength), 0);
    position += chunk.byteLength;
  }
  return bytes;
}

/**
 * Writes the model to a file, all or nothing: into a temporary file beside the target, flushed,
 * then renamed over it.
 *
 * A model with external data keeps referring to its data file where it stays in the same folder;
 * what was changed, and elsewhere all of it, goes into a new data file `<target>.data` beside the
 * target, one tensor at a time. No data file is ever overwritten, so the model at the target is
 * complete at every moment; a data file that only the overwritten model used is deleted at the end.
 *
 * @returns the size written, data file included, in bytes.
 * @throws InputError when the folder is missing or cannot be written.
 */
export async function saveModel(
  graph: Graph,
  target: string,
  options: SaveOptions = {},
): Promise<number> {
  const file = await realpath(target).catch(() => resolve(target));
  const dataFile = await freshDataFile(file);
  const sameFolder = await isBesideSource(graph, file);
  if (!sameFolder) refuseNestedExternalData(graph);
  const placement = placeTensors(graph, {
    sameFolder,
    inlineLimit: options.inlineLimit ?? LARGEST_MODEL_BYTES,
    fileName: basename(dataFile),
  });
  const chunks = modelChunks(graph, {
    inlineExternalData: !sameFolder,
    placed: placement.locations,
  });
  refuseTooLarge(totalBytes(chunks));
  const total = totalBytes(chunks) + placement.byteLength;
  const onBytes = counted(total, options);
  const files: NewFile[] = [];
  try {
    await requireDiskSpace(file, total);
    if (placement.byteLength > 0) {
      const parts = placement.parts.map(({ tensor, offset }) => ({
        chunk: dataChunk(tensor),
        offset,
      }));
      files.push(await newFile(dataFile, (handle) => writePieces(handle, parts, onBytes)));
    }
    files.push(await newFile(file, (handle) => writePieces(handle, consecutive(chunks), onBytes)));
    const leftOver = await dataFilesOf(file);
    await publish(files, dataFile);
    await removeDataFiles(leftOver, graph);
  } catch (error) {
    for (const each of files) await each.discard();
    throw asInputError(error, target);
  }
  return total;
}

/** The data first: until the model follows, nothing refers to it. */
async function publish(files: readonly NewFile[], dataFile: string): Promise<void> {
  const [first, second] = files;
  await first?.publish();
  try {
    await second?.publish();
  } catch (error) {
    await rm(dataFile, { force: true });
    throw error;
  }
}

async function isBesideSource(graph: Graph, file: string): Promise<boolean> {
  const source = onnxSource(graph)?.file;
  if (source === undefined) return false;
  const [from, to] = [dirname(source), dirname(file)];
  return from === to || (await realpath(from).catch(() => from)) === to;
}

function counted(total: number, { signal, onProgress }: SaveOptions): (count: number) => void {
  let done = 0;
  return (count) => {
    signal?.throwIfAborted();
    done += count;
    onProgress?.(done / total);
  };
}

/** The chunks, one after the other. */
function* consecutive(chunks: readonly Chunk[]): Iterable<PlacedChunk> {
  let offset = 0;
  for (const chunk of chunks) {
    yield { chunk, offset };
    offset += chunk.byteLength;
  }
}

function refuseTooLarge(bytes: number): void {
  if (bytes > LARGEST_MODEL_BYTES) {
    throw new InputError(
      `the model has ${bytes} bytes; one ONNX file ends at ${LARGEST_MODEL_BYTES}`,
    );
  }
}

/** The file system's refusals in plain words; anything else is a defect and stays as it is. */
export function asInputError(error: unknown, target: string): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const reasons: Record<string, string> = {
    ENOENT: "the folder does not exist",
    EACCES: "writing there is not permitted",
    EPERM: "writing there is not permitted",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
    EISDIR: "it is a folder",
    ENOTDIR: "its folder is not a folder",
    // What stands where a folder would have to be made.
    EEXIST: "its folder is not a folder",
  };
  const reason = reasons[String(error.code)];
  return reason === undefined ? error : new InputError(`cannot be written: ${reason}`, target);
}
