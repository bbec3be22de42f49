import { type UnzipFileInfo, unzipSync, zipSync } from "fflate";
import { InputError } from "../../graph/input-error.ts";

export const CONFIG = "config.json";
export const METADATA = "metadata.json";
export const WEIGHTS = "model.weights.h5";

/** Everything an archive may expand to. */
const LARGEST_EXPANSION_BYTES = 2 ** 31 - 1;

/** Weights hardly shrink: an archive that grows more than this, past some megabytes, is made up. */
const MOST_GROWTH = 200;
const UNSUSPECTED_BYTES = 64 * 2 ** 20;

const MOST_ENTRIES = 10_000;

/** Zip's method of an entry that is not compressed. */
const STORED = 0;

/** Zip's beginning of time, so that the same model makes the same bytes. */
export const NO_TIME = new Date(1980, 0, 1);

/**
 * The entries of a .keras archive, expanded. Names and sizes are checked in the zip's directory before
 * anything is expanded, and fflate expands into memory of exactly the stated size.
 *
 * @param wanted which entries to expand.
 */
export function readArchive(
  bytes: Uint8Array,
  wanted: (name: string) => boolean,
): ReadonlyMap<string, Uint8Array> {
  const sizes = new Map<string, number>();
  const check = entryCheck(bytes.length, sizes);
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, {
      filter: (entry) => {
        check(entry);
        return wanted(entry.name) && !entry.name.endsWith("/");
      },
    });
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError("the zip archive is damaged or cut off");
  }
  for (const [name, contents] of Object.entries(entries)) {
    if (contents.length === sizes.get(name)) continue;
    throw new InputError(
      `entry ${name} expands to ${contents.length} bytes; the archive says ${sizes.get(name)}`,
    );
  }
  if (!sizes.has(CONFIG)) {
    throw new InputError(`it is a zip archive without ${CONFIG}, which a .keras file has`);
  }
  return new Map(Object.entries(entries));
}

function entryCheck(archiveBytes: number, sizes: Map<string, number>) {
  const limit = Math.max(archiveBytes * MOST_GROWTH, UNSUSPECTED_BYTES);
  let total = 0;
  return ({ name, originalSize, size, compression }: UnzipFileInfo): void => {
    if (sizes.has(name)) throw new InputError(`entry ${name} is in the archive twice`);
    if (sizes.size >= MOST_ENTRIES) {
      throw new InputError(`the archive has more than ${MOST_ENTRIES} entries`);
    }
    sizes.set(name, originalSize);
    const parts = name.split("/");
    if (parts.includes("..") || parts[0] === "" || /[\\:\0]/.test(name)) {
      throw new InputError(`entry ${JSON.stringify(name)} names a place outside the archive`);
    }
    if (size > archiveBytes) {
      throw new InputError(`entry ${name} takes ${size} bytes, more than the file has`);
    }
    // fflate copies as much as an entry takes that is stored as it is, whatever the archive says it expands to.
    if (compression === STORED && size !== originalSize) {
      throw new InputError(
        `entry ${name} takes ${size} bytes as they are; the archive says it expands to ${originalSize}`,
      );
    }
    total += originalSize;
    if (total > Math.min(limit, LARGEST_EXPANSION_BYTES)) {
      throw new InputError(
        `its entries expand to ${total} bytes or more; ${Math.min(limit, LARGEST_EXPANSION_BYTES)} are allowed for a file of ${archiveBytes}`,
      );
    }
  };
}

/** The archive with other contents for some entries; the others keep theirs, and all their order. */
export function rewriteArchive(
  bytes: Uint8Array,
  changed: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const entries = new Map(readArchive(bytes, () => true));
  for (const [name, contents] of changed) entries.set(name, contents);
  // Keras stores the entries as they are.
  return zipSync(Object.fromEntries(entries), { level: 0, mtime: NO_TIME });
}
