import { DataType } from "../../graph/data-type.ts";
import type { LayersModel } from "../layers/from-graph/layers-model.ts";
import type { JsonObject } from "../layers/json.ts";
import type { NewModel } from "../registry.ts";
import type { WeightEntry } from "./manifest.ts";
import { tfjsGraph } from "./read.ts";
import type { LoadedGroup } from "./shards.ts";
import { type EncodedModel, saveEncoded } from "./write.ts";

/** As TensorFlow.js' own converter cuts files, which browsers keep well in their caches. */
const SHARD_BYTES = 4 * 2 ** 20;

/** model.json and files of weights for a model that was not read from such files. */
function encodeNewTfjs(model: LayersModel, producer: string): EncodedModel {
  const entries = model.weights.map(({ path, name, tensor }): WeightEntry => {
    const raw = { name: [...path, name].join("/"), shape: [...tensor.dims], dtype: "float32" };
    return {
      name: raw.name,
      shape: raw.shape,
      dataType: DataType.FLOAT,
      quantization: undefined,
      byteLength: tensor.data.byteLength,
      raw,
    };
  });
  const bytes = new Uint8Array(entries.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let start = 0;
  for (const { tensor } of model.weights) {
    bytes.set(tensor.data.read(), start);
    start += tensor.data.byteLength;
  }
  const count = Math.max(Math.ceil(bytes.length / SHARD_BYTES), 1);
  const shards = Array.from({ length: count }, (_, index) => ({
    path: `group1-shard${index + 1}of${count}.bin`,
    bytes: bytes.subarray(index * SHARD_BYTES, (index + 1) * SHARD_BYTES),
  }));
  const paths = shards.map(({ path }) => path);
  const manifest = [{ paths, weights: entries.map(({ raw }) => raw) }];
  const document: JsonObject = {
    format: "layers-model",
    generatedBy: producer,
    convertedBy: "NormLens",
    modelTopology: {
      ...model.config,
      keras_version: "tfjs-layers 4.22.0",
      backend: "tensor_flow.js",
    },
    weightsManifest: manifest,
  };
  const text = new TextEncoder().encode(JSON.stringify(document));
  const groups: LoadedGroup[] = [{ group: { paths, weights: entries }, shards, bytes }];
  return { document, text, groups };
}

/** The same, ready to be read again and saved. */
export function newTfjsModel(model: LayersModel, producer: string): NewModel {
  const encoded = encodeNewTfjs(model, producer);
  const { text, document, groups } = encoded;
  return {
    read: async () => tfjsGraph(text, document, groups),
    save: (target, options) => saveEncoded(encoded, target, options),
  };
}
