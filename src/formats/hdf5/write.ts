import type { Group } from "h5wasm";
import { DataType } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import { readFloat64 } from "../../graph/numbers.ts";
import { memoryTensor } from "../../graph/tensor.ts";
import { newHdf5, type OpenHdf5 } from "./library.ts";
import { FLOAT32, type Hdf5Dataset, type Hdf5Group } from "./tree.ts";

/** The bytes of an HDF5 file with these contents. */
export async function writeHdf5(root: Hdf5Group): Promise<Uint8Array> {
  return newHdf5((open) => fill(open, open.file, root, ""));
}

function fill(open: OpenHdf5, group: Group, contents: Hdf5Group, path: string): void {
  writeAttributes(group, contents.attributes);
  for (const [name, node] of contents.children) {
    const inner = path === "" ? name : `${path}/${name}`;
    if (node.kind === "group") fill(open, group.create_group(name), node, inner);
    else writeDataset(open, group, name, inner, node);
  }
}

function writeAttributes(
  object: Pick<Group, "create_attribute">,
  attributes: Hdf5Group["attributes"],
): void {
  for (const [name, { shape, type, values }] of attributes) {
    const single = values[0];
    const data = shape.length === 0 && single !== undefined ? single : values;
    object.create_attribute(name, data as string | string[], [...shape], typeFor(type, values));
  }
}

/**
 * The library cannot write a list without texts. Numpy, and so Keras, makes of one a list without
 * numbers, which readers take for the same.
 */
function typeFor(type: string, values: readonly unknown[]): string {
  const ofAnyLength = type === "S" || type === "A";
  return ofAnyLength && values.length === 0 ? "<d" : type;
}

function writeDataset(
  { module, file, isDataset }: OpenHdf5,
  group: Group,
  name: string,
  path: string,
  dataset: Hdf5Dataset,
): void {
  const { type, bytes } = storable(dataset, path);
  const shape = dataset.shape.map(BigInt);
  const deflate = dataset.deflate === undefined ? {} : { compression_opts: [dataset.deflate] };
  const pointer = module._malloc(Math.max(bytes.length, 1));
  if (pointer === 0) throw new InputError(`${path} takes ${bytes.length} bytes, too much to write`);
  try {
    module.HEAPU8.set(bytes, pointer);
    // h5wasm's own create_dataset takes typed arrays only, and those of some types would be copied.
    module.create_dataset(file.file_id, `/${path}`, BigInt(pointer), {
      type: type.kind === "integer" ? 0 : 1,
      size: type.size,
      signed: type.signed,
      vlen: false,
      littleEndian: true,
      total_size: bytes.length / type.size,
      shape,
      maxshape: shape,
      chunks: dataset.chunks?.map(BigInt) ?? null,
      compression: dataset.deflate === undefined ? 0 : 1,
      ...deflate,
    } as unknown as Parameters<typeof module.create_dataset>[3]);
  } finally {
    module._free(pointer);
  }
  const written = group.get(name);
  if (isDataset(written)) writeAttributes(written, dataset.attributes);
}

/** The HDF5 writer has no half precision, so that such numbers become float32, which holds them all. */
function storable(
  dataset: Hdf5Dataset,
  path: string,
): Pick<Hdf5Dataset, "bytes"> & { type: typeof FLOAT32 } {
  const { type, bytes, shape } = dataset;
  if (type === undefined) throw new InputError(`${path} holds no numbers and cannot be copied`);
  if (type.kind === "integer" || type.size !== 2) return { type, bytes };
  const numbers = readFloat64(memoryTensor(path, shape, DataType.FLOAT16, bytes));
  return { type: FLOAT32, bytes: new Uint8Array(Float32Array.from(numbers).buffer) };
}
