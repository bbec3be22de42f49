import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { io } from "@tensorflow/tfjs-core";
import type { JsonObject } from "../../formats/layers/json.ts";
import { inFile, readModelFile } from "../../formats/onnx/model-file.ts";
import { readContainer, type TfjsContainer } from "../../formats/tfjs/read.ts";
import { groupTensors } from "../../formats/tfjs/shards.ts";
import { encodeNumbers, saveEncoded } from "../../formats/tfjs/write.ts";
import { isGraphModel } from "../../formats/tfjs-graph/read.ts";
import { DataType } from "../../graph/data-type.ts";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Regularizer } from "../../graph/weight-rules.ts";
import { readKerasFile } from "./keras-file.ts";
import { isKeras, requireLayersModel } from "./layers-endings.ts";

/** A layers model as it is on the disk, checked as far as that goes without TensorFlow. */
export interface LayersFile {
  readonly path: string;
  /** What TensorFlow.js builds the layers from. */
  readonly topology: JsonObject;
  /** Without the optimizer's; quantized ones as the numbers they stand for. */
  readonly weights: readonly Tensor[];
  /** SHA-256 of layers and weights. */
  readonly fingerprint: string;
  /** Of a model that Keras saved: what it computes, and what its layers' outputs are penalized by. */
  readonly keras?: { readonly graph: Graph; readonly activities: ReadonlyMap<string, Regularizer> };
  /**
   * Writes the model with other numbers, in its own format, all or nothing.
   *
   * @param values by weight name; a weight without keeps those of the file.
   */
  save(
    target: string,
    values: ReadonlyMap<string, Float32Array>,
    signal?: AbortSignal,
  ): Promise<void>;
}

const TYPES: Readonly<Partial<Record<DataType, "float32" | "int32" | "bool">>> = {
  [DataType.FLOAT]: "float32",
  [DataType.INT32]: "int32",
  [DataType.BOOL]: "bool",
};

/**
 * Reads model.json and the files of its weights, or what Keras saved, as the name says.
 *
 * @throws InputError naming the field or file that is wrong.
 */
export async function readLayersFile(path: string): Promise<LayersFile> {
  requireLayersModel(path);
  if (isKeras(path)) return readKerasFile(path);
  try {
    const container = await readContainer(await readModelFile(path), path);
    if (isGraphModel(container)) {
      throw new InputError(
        'is a graph model of TensorFlow.js, which has no layers; engine "onnxruntime" trains it',
      );
    }
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
    return {
      path,
      topology: document.modelTopology as JsonObject,
      weights,
      fingerprint: hash.digest("hex"),
      save: (target, values, signal) => saveContainer(container, target, values, signal),
    };
  } catch (error) {
    throw inFile(error, path);
  }
}

/** For tf.loadLayersModel. */
export function ioHandler({ topology, weights }: LayersFile): io.IOHandler {
  const weightSpecs = weights.map(({ name, dims, dataType }) => ({
    name,
    shape: [...dims],
    dtype: TYPES[dataType] ?? "float32",
  }));
  const weightData = new Uint8Array(Buffer.concat(weights.map(bytesOf))).buffer;
  return { load: async () => ({ modelTopology: topology, weightSpecs, weightData }) };
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

async function saveContainer(
  container: TfjsContainer,
  target: string,
  values: ReadonlyMap<string, Float32Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const encoded = encodeNumbers(container, values);
  await saveEncoded(encoded, target, signal === undefined ? {} : { signal });
}

function bytesOf({ data }: Tensor): Uint8Array {
  return data.read();
}
