import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, extname } from "node:path";
import type { io } from "@tensorflow/tfjs-core";
import { inFile, readModelFile } from "../../formats/onnx/model-file.ts";
import { readContainer, type TfjsContainer } from "../../formats/tfjs/read.ts";
import { groupTensors } from "../../formats/tfjs/shards.ts";
import { encodeNumbers, saveEncoded } from "../../formats/tfjs/write.ts";
import { DataType } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** A TF.js layers model as it is on the disk, checked as far as that goes without TensorFlow. */
export interface LayersFile {
  readonly path: string;
  readonly container: TfjsContainer;
  /** Without the optimizer's; quantized ones as the numbers they stand for. */
  readonly weights: readonly Tensor[];
  /** SHA-256 of topology and weights. */
  readonly fingerprint: string;
}

const TYPES: Readonly<Partial<Record<DataType, "float32" | "int32" | "bool">>> = {
  [DataType.FLOAT]: "float32",
  [DataType.INT32]: "int32",
  [DataType.BOOL]: "bool",
};

/**
 * Reads model.json and the files of its weights.
 *
 * @throws InputError naming the field or file that is wrong.
 */
export async function readLayersFile(path: string): Promise<LayersFile> {
  try {
    const container = await readContainer(await readModelFile(path), path);
    const { document, groups } = container;
    const weights = groups.flatMap((loaded) =>
      groupTensors(loaded).filter((_, index) => {
        return loaded.group.weights[index]?.raw.group !== "optimizer";
      }),
    );
    const hash = createHash("sha256").update(JSON.stringify(document.modelTopology));
    for (const weight of weights) {
      hash.update(JSON.stringify([weight.name, weight.dims, weight.dataType]));
      hash.update(bytesOf(weight));
    }
    return { path, container, weights, fingerprint: hash.digest("hex") };
  } catch (error) {
    throw inFile(error, path);
  }
}

/** For tf.loadLayersModel. */
export function ioHandler({ container, weights }: LayersFile): io.IOHandler {
  const weightSpecs = weights.map(({ name, dims, dataType }) => ({
    name,
    shape: [...dims],
    dtype: TYPES[dataType] ?? "float32",
  }));
  const weightData = new Uint8Array(Buffer.concat(weights.map(bytesOf))).buffer;
  const modelTopology = container.document.modelTopology as object;
  return { load: async () => ({ modelTopology, weightSpecs, weightData }) };
}

/** The float32 weights by name. */
export function weightValues({ weights }: LayersFile): ReadonlyMap<string, Float32Array> {
  return new Map(
    weights
      .filter(({ dataType }) => dataType === DataType.FLOAT)
      .map((weight) => {
        // A copy, because the bytes in a file need not begin at a multiple of four.
        return [weight.name, new Float32Array(new Uint8Array(bytesOf(weight)).buffer)];
      }),
  );
}

/**
 * Writes the model with other numbers, in its own format, all or nothing.
 *
 * @param values by weight name; a weight without keeps those of the file.
 */
export async function writeLayersFile(
  target: string,
  { container }: LayersFile,
  values: ReadonlyMap<string, Float32Array>,
  signal?: AbortSignal,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const encoded = encodeNumbers(container, values);
  await saveEncoded(encoded, target, signal === undefined ? {} : { signal });
}

/** Hours of training must not end with a model that cannot be saved. */
export function requireLayersTarget(target: string): void {
  if (extname(target).toLowerCase() === ".json") return;
  throw new InputError(
    'engine "tensorflow" writes TF.js layers models; a name that ends in .json is needed',
    target,
  );
}

function bytesOf({ data }: Tensor): Uint8Array {
  return data.read();
}
