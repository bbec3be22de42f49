import type { Dataset, File, Group, Module } from "h5wasm";
import { InputError } from "../../graph/input-error.ts";
import { MemoryLimit } from "./memory-limit.ts";

/** The HDF5 library of h5wasm and a file that it has open. */
export interface OpenHdf5 {
  readonly module: typeof Module;
  readonly file: File;
  isGroup(object: unknown): object is Group;
  isDataset(object: unknown): object is Dataset;
}

/** A file that is being read, by a library whose memory is bounded. */
export interface BoundedHdf5 extends OpenHdf5 {
  readonly memory: MemoryLimit;
}

let opened = 0;

/**
 * Runs the HDF5 library on the bytes of a file. The library sees a file system in memory that holds
 * nothing but these bytes: whatever a file refers to, nothing outside of it can be opened.
 *
 * @throws InputError where the library cannot follow the file.
 */
export async function withHdf5<Result>(
  bytes: Uint8Array,
  use: (open: BoundedHdf5) => Result,
): Promise<Result> {
  const { File, module, isGroup, isDataset } = await loadLibrary();
  const name = `model-${++opened}.h5`;
  const memory = new MemoryLimit(module, bytes.length);
  let file: File | undefined;
  try {
    // Without canOwn the bytes would be there twice.
    module.FS.writeFile(name, bytes, { canOwn: true } as { flags?: string });
    return memory.during(() => {
      file = new File(name, "r");
      return use({ module, file, isGroup, isDataset, memory });
    });
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(
      memory.reached
        ? `the HDF5 file expands to more memory than its ${bytes.length} bytes and the sizes that it states allow`
        : `the HDF5 file is damaged or cut off: ${reason(error)}`,
    );
  } finally {
    closeQuietly(file);
    module.FS.unlink(name);
  }
}

/** The bytes of a new HDF5 file that use fills. */
export async function newHdf5(use: (open: OpenHdf5) => void): Promise<Uint8Array> {
  const { File, module, isGroup, isDataset } = await loadLibrary();
  const name = `new-${++opened}.h5`;
  const file = new File(name, "w");
  try {
    use({ module, file, isGroup, isDataset });
    file.flush();
    file.close();
    return module.FS.readFile(name);
  } finally {
    closeQuietly(file);
    module.FS.unlink(name);
  }
}

async function loadLibrary() {
  const { Dataset, File, Group, ready } = await import("h5wasm");
  const module = await ready;
  // Without this the library prints what goes wrong and carries on.
  module.activate_throwing_error_handler();
  return {
    File,
    module,
    isGroup: (object: unknown): object is Group => object instanceof Group,
    isDataset: (object: unknown): object is Dataset => object instanceof Dataset,
  };
}

/** After a failure the library may hold on to a file; it is a file in memory, under a name of its own. */
function closeQuietly(file: File | undefined): void {
  try {
    file?.close();
  } catch {
    // What went wrong before is what the caller is told.
  }
}

/** The innermost line of the library's stack of errors: "#003: H5Dio.c line 12 in H5D(): can't read". */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = [...text.matchAll(/^\s*#\d+: .*?\(\): (.*)$/gm)].map(([, line]) => line);
  return (lines.at(-1) ?? text.split("\n")[0] ?? "").slice(0, 200);
}
