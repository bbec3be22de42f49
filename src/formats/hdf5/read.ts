import type { Attribute, Dataset, Group } from "h5wasm";
import { InputError } from "../../graph/input-error.ts";
import { elementCount } from "../../graph/tensor.ts";
import { type BoundedHdf5, withHdf5 } from "./library.ts";
import type { Hdf5Attribute, Hdf5Dataset, Hdf5Group, Hdf5Node, NumberType } from "./tree.ts";

/** Real files nest about ten groups; a group that lies in itself would never end. */
const DEEPEST_GROUP = 60;

/** A link takes at least that much of a file; more objects than that are the same ones over and over. */
const SMALLEST_OBJECT_BYTES = 40;

/** Of one object; Keras has a few, and the library looks for each among all others. */
const MOST_ATTRIBUTES = 1000;

/** Of a file: a model of 20,000 layers has a tenth of that. */
const MOST_OBJECTS = 1_000_000;

/** What an attribute takes beside its name and its value. */
const SMALLEST_ATTRIBUTE_BYTES = 16;

/** Everything a file's datasets may expand to. */
const LARGEST_EXPANSION_BYTES = 2 ** 31;

/** Chunks of a dataset that may grow can be larger than what is in it; real ones are about 1 MB. */
const LARGEST_SPARE_CHUNK_BYTES = 2 ** 26;

/** Deflate never does better, so that a dataset of more than this times the file is made up. */
const BEST_COMPRESSION = 1032;

/** Deflate, shuffle and checksums; others would be plug-ins. */
const KNOWN_FILTERS: ReadonlySet<number> = new Set([1, 2, 3]);

/**
 * Reads an HDF5 file. Links of every kind but the plain one are refused, as are datasets whose numbers
 * lie elsewhere or would be larger than the file can hold; sizes are checked before anything is
 * allocated for them.
 *
 * @throws InputError naming the object.
 */
export async function readHdf5(bytes: Uint8Array): Promise<Hdf5Group> {
  return withHdf5(bytes, (open) => {
    const reader = new Hdf5Reader(open, bytes.length);
    return reader.group(open.file, "", 0);
  });
}

class Hdf5Reader {
  #objects = 0;
  #expanded = 0;
  #attributeBytes = 0;

  constructor(
    readonly open: BoundedHdf5,
    readonly fileBytes: number,
  ) {}

  group(group: Group, path: string, depth: number): Hdf5Group {
    if (depth > DEEPEST_GROUP) {
      throw new InputError(`groups lie within each other deeper than ${DEEPEST_GROUP} levels`);
    }
    const children = new Map<string, Hdf5Node>();
    for (const name of group.keys()) {
      const before = this.#objects++;
      if (this.#objects * SMALLEST_OBJECT_BYTES > this.fileBytes) {
        throw new InputError(
          `the HDF5 file leads to more than ${before} objects, which its ${this.fileBytes} bytes cannot hold`,
        );
      }
      if (before === MOST_OBJECTS) {
        throw new InputError(`the HDF5 file has more than ${MOST_OBJECTS} groups and datasets`);
      }
      children.set(name, this.#node(group, name, path === "" ? name : `${path}/${name}`, depth));
    }
    return { kind: "group", attributes: this.#attributes(group, path), children };
  }

  #node(parent: Group, name: string, path: string, depth: number): Hdf5Node {
    const { module, file } = this.open;
    // Asked first: to ask for an object's type is to follow the link to it.
    const external = module.get_external_link(file.file_id, path).filename;
    if (external !== undefined) {
      throw new InputError(
        `${path} is a link to another file, ${external}; links are not followed`,
      );
    }
    const target: string | null = module.get_symbolic_link(file.file_id, path);
    if (target !== null) {
      throw new InputError(`${path} is a soft link to ${target}; links are not followed`);
    }
    const object = parent.get(name);
    if (this.open.isGroup(object)) return this.group(object, path, depth + 1);
    if (this.open.isDataset(object)) return this.#dataset(object, path);
    throw new InputError(`${path} is neither a group nor a dataset`);
  }

  #dataset(dataset: Dataset, path: string): Hdf5Dataset {
    const { metadata, filters } = dataset;
    const { shape, size } = metadata;
    if (metadata.virtual_sources !== undefined) {
      throw new InputError(`${path} is a virtual dataset, which lies in other files`);
    }
    const unknown = filters.find(({ id }) => !KNOWN_FILTERS.has(id));
    if (unknown !== undefined) {
      throw new InputError(`${path} is compressed by ${unknown.name || `filter ${unknown.id}`}`);
    }
    const deflate = filters.find(({ id }) => id === 1);
    const chunks = metadata.chunks ?? undefined;
    const limit = deflate === undefined ? this.fileBytes : this.fileBytes * BEST_COMPRESSION;
    const byteLength = elementCount(shape ?? [0]) * size;
    const chunkBytes = elementCount(chunks ?? [0]) * size;
    this.#expanded += byteLength;
    if (!(byteLength <= limit) || !(this.#expanded + chunkBytes <= LARGEST_EXPANSION_BYTES)) {
      throw new InputError(
        `${path} has shape [${shape}], more than the file's ${this.fileBytes} bytes can hold`,
      );
    }
    if (!(chunkBytes <= Math.max(byteLength, LARGEST_SPARE_CHUNK_BYTES))) {
      throw new InputError(
        `${path} has chunks of shape [${chunks}], ${chunkBytes} bytes each, and ${byteLength} bytes in all`,
      );
    }
    const type = shape === null ? undefined : numberType(metadata);
    const attributes = this.#attributes(dataset, path);
    // A chunk is there compressed, expanded, and once more while the library finds how large it gets.
    const bytes =
      type === undefined
        ? new Uint8Array()
        : this.open.memory.allowing(byteLength + 4 * chunkBytes, () =>
            this.#numbers(path, byteLength),
          );
    const level = deflate?.cd_values[0];
    return { kind: "dataset", attributes, shape: shape ?? [], type, bytes, chunks, deflate: level };
  }

  #numbers(path: string, byteLength: number): Uint8Array {
    if (byteLength === 0) return new Uint8Array();
    const { module, file } = this.open;
    const pointer = module._malloc(byteLength);
    if (pointer === 0) throw new InputError(`${path} takes ${byteLength} bytes, too much to read`);
    try {
      module.get_dataset_data(file.file_id, path, null, null, null, BigInt(pointer));
      return module.HEAPU8.slice(pointer, pointer + byteLength);
    } finally {
      module._free(pointer);
    }
  }

  #attributes(object: Group | Dataset, path: string): Map<string, Hdf5Attribute> {
    const attributes = new Map<string, Hdf5Attribute>();
    const { attrs } = object;
    const names = Object.keys(attrs);
    const owner = path || "the file";
    if (names.length > MOST_ATTRIBUTES) {
      throw new InputError(
        `${owner} has ${names.length} attributes; ${MOST_ATTRIBUTES} at most are read`,
      );
    }
    for (const name of names) {
      const attribute = attrs[name] as Attribute;
      attributes.set(name, this.#attribute(attribute, `attribute ${name} of ${owner}`));
    }
    return attributes;
  }

  #attribute(attribute: Attribute, what: string): Hdf5Attribute {
    const { metadata, dtype, shape } = attribute;
    const elements = elementCount(shape ?? [0]) * metadata.size;
    if (typeof dtype !== "string" || shape === null || !(elements <= this.fileBytes)) {
      throw new InputError(`${what} is neither text nor numbers`);
    }
    this.#countAttribute(SMALLEST_ATTRIBUTE_BYTES + elements, what);
    const { value } = attribute;
    const list = shape.length === 0 ? [value] : Array.from(value as ArrayLike<unknown>);
    const plain = list.every((item) => ["string", "number", "bigint"].includes(typeof item));
    if (!plain) throw new InputError(`${what} is neither text nor numbers`);
    const texts = list.filter((item) => typeof item === "string");
    if (metadata.vlen) {
      const length = texts.reduce((sum, text) => sum + text.length, 0);
      this.#countAttribute(length, what);
    }
    return { shape, type: dtype, values: list as (string | number | bigint)[] };
  }

  /** Attributes are never compressed; only those that are the same ones behind several links add up. */
  #countAttribute(bytes: number, what: string): void {
    this.#attributeBytes += bytes;
    if (this.#attributeBytes <= this.fileBytes) return;
    throw new InputError(
      `up to ${what}, the HDF5 file's attributes are more than its ${this.fileBytes} bytes can hold`,
    );
  }
}

function numberType({ type, size, signed }: Dataset["metadata"]): NumberType | undefined {
  // The classes of H5T_class_t.
  if (type === 0) return { kind: "integer", size, signed };
  return type === 1 ? { kind: "float", size, signed: false } : undefined;
}
