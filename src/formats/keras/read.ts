import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { readHdf5 } from "../hdf5/read.ts";
import { isObject, parseJson } from "../layers/json.ts";
import { parseModelConfig } from "../layers/model-config.ts";
import { readLayers } from "../layers/read-layers.ts";
import { CONFIG, METADATA, readArchive, WEIGHTS } from "./archive.ts";
import type { KerasSource } from "./source.ts";
import { ArchiveWeights } from "./weights.ts";

/** A config of thousands of layers takes a few megabytes. */
const LARGEST_CONFIG_BYTES = 256 * 2 ** 20;

/**
 * Reads a model that Keras 3 saved as .keras: a zip archive of the model's config, metadata about the
 * saving, and the weights in HDF5.
 */
export async function readKeras(archive: Uint8Array): Promise<Graph> {
  const entries = readArchive(archive, (name) => [CONFIG, METADATA, WEIGHTS].includes(name));
  const config = entries.get(CONFIG) ?? new Uint8Array();
  if (config.length > LARGEST_CONFIG_BYTES) {
    throw new InputError(`${CONFIG} has ${config.length} bytes; ${LARGEST_CONFIG_BYTES} are read`);
  }
  const text = new TextDecoder().decode(config);
  const model = parseModelConfig(parseJson(text, CONFIG));
  const weightBytes = entries.get(WEIGHTS);
  if (weightBytes === undefined) {
    throw new InputError(`the archive has no ${WEIGHTS}, where the weights of a .keras file lie`);
  }
  const weights = await inWeights(readHdf5(weightBytes));
  const store = new ArchiveWeights(weights, model);
  const { graph, records } = readLayers(model, store, "keras3");
  const read: Graph = { ...graph, producer: producer(entries.get(METADATA)) };
  const source: KerasSource = {
    format: "keras",
    layersOnly: true,
    archive,
    text,
    model,
    weights,
    places: store.places,
    records,
    read,
    totalBytes: archive.length,
  };
  return { ...read, source };
}

function producer(metadata: Uint8Array | undefined): string {
  if (metadata === undefined) return "Keras";
  const document = parseJson(new TextDecoder().decode(metadata), METADATA);
  const version = isObject(document) ? document.keras_version : undefined;
  return typeof version === "string" ? `Keras ${version}` : "Keras";
}

async function inWeights<Value>(read: Promise<Value>): Promise<Value> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${WEIGHTS}: ${error.message}`);
  }
}
