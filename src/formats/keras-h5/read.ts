import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { readHdf5 } from "../hdf5/read.ts";
import { groupAt, type Hdf5Group } from "../hdf5/tree.ts";
import { parseJson } from "../layers/json.ts";
import { parseModelConfig } from "../layers/model-config.ts";
import { readLayers } from "../layers/read-layers.ts";
import type { KerasH5Source } from "./source.ts";
import { H5Weights } from "./weights.ts";

/**
 * Reads a whole model that Keras 2 or 3 saved as .h5: the config is an attribute of the file, the
 * weights lie in the group model_weights.
 */
export async function readKerasH5(file: Uint8Array): Promise<Graph> {
  const root = await readHdf5(file);
  const text = textOf(root, "model_config");
  const weights = groupAt(root, ["model_weights"]);
  if (text === undefined) {
    const only = root.attributes.has("layer_names") || root.children.has("layers");
    throw new InputError(
      only
        ? "it holds weights only, without the model's config; save the whole model with model.save"
        : "it has no attribute model_config, which a whole model saved by Keras has",
    );
  }
  if (weights === undefined) {
    throw new InputError(
      "it has no group model_weights, where a model saved by Keras has its weights",
    );
  }
  const model = parseModelConfig(parseJson(text, "model_config"));
  const store = new H5Weights(weights);
  const version = textOf(root, "keras_version") ?? textOf(weights, "keras_version") ?? "2";
  const dialect = /^[012]\./.test(`${version}.`) ? "keras2" : "keras3";
  const { graph, records } = readLayers(model, store, dialect);
  const read: Graph = { ...graph, producer: `Keras ${version}` };
  const { places } = store;
  const source: KerasH5Source = {
    format: "keras-h5",
    layersOnly: true,
    file,
    root,
    text,
    model,
    places,
    records,
    read,
    totalBytes: file.length,
  };
  return { ...read, source };
}

function textOf({ attributes }: Hdf5Group, name: string): string | undefined {
  const value = attributes.get(name)?.values[0];
  return typeof value === "string" ? value : undefined;
}
