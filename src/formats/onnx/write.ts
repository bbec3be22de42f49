import { randomBytes } from "node:crypto";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { type Chunk, modelChunks, totalBytes } from "./chunks.ts";
import { onnxSource } from "./source.ts";

/** Largest message that protobuf can encode. */
const LARGEST_MODEL_BYTES = 2 ** 31 - 1;

/** Pieces up to this size are gathered into one write. */
const GATHER_BYTES = 4 * 2 ** 20;

/** The model as self-contained bytes, with external data put in; for ONNX Runtime and tests. */
export function encodeModel(graph: Graph): Uint8Array {
  const chunks = modelChunks(graph, { inlineExternalData: true });
  refuseTooLarge(totalBytes(chunks));
  const bytes = new Uint8Array(totalBytes(chunks));
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk.bytes(), position);
    position += chunk.byteLength;
  }
  return bytes;
}

/**
 * Writes the model to a file, all or nothing: into a temporary file beside the target, flushed,
 * then renamed over it. A model whose external data lies in the target's folder keeps referring to
 * it; elsewhere the data is put into the file.
 *
 * @returns the size written, in bytes.
 * @throws InputError when the folder is missing or cannot be written.
 */
export async function saveModel(graph: Graph, target: string): Promise<number> {
  const file = await realpath(target).catch(() => resolve(target));
  const source = onnxSource(graph);
  const sameFolder = source?.file !== undefined && dirname(source.file) === dirname(file);
  const chunks = modelChunks(graph, { inlineExternalData: !sameFolder });
  refuseTooLarge(totalBytes(chunks));
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const mode = await stat(file).then(
      (info) => info.mode,
      () => 0o644,
    );
    const handle = await open(temporary, "wx", mode);
    try {
      await writeChunks(handle, chunks);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw asInputError(error, target);
  }
  return totalBytes(chunks);
}

async function writeChunks(handle: FileHandle, chunks: readonly Chunk[]): Promise<void> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  const flush = async () => {
    if (gathered.length > 0) await writeAll(handle, Buffer.concat(gathered));
    gathered = [];
    size = 0;
  };
  for (const chunk of chunks) {
    if (chunk.byteLength >= GATHER_BYTES) {
      await flush();
      await writeAll(handle, chunk.bytes());
      continue;
    }
    gathered.push(chunk.bytes());
    size += chunk.byteLength;
    if (size >= GATHER_BYTES) await flush();
  }
  await flush();
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done);
    done += bytesWritten;
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
function asInputError(error: unknown, target: string): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const reasons: Record<string, string> = {
    ENOENT: "the folder does not exist",
    EACCES: "writing there is not permitted",
    EPERM: "writing there is not permitted",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
    EISDIR: "it is a folder",
    ENOTDIR: "its folder is not a folder",
  };
  const reason = reasons[String(error.code)];
  return reason === undefined ? error : new InputError(`cannot be written: ${reason}`, target);
}
