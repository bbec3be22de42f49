import { resolve } from "node:path";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { isObject, type JsonObject, parseJson, shown } from "../layers/json.ts";
import { parseModelConfig } from "../layers/model-config.ts";
import { readLayers } from "../layers/read-layers.ts";
import { NamedWeights } from "../layers/weight-store.ts";
import { parseManifest } from "./manifest.ts";
import { LARGEST_DOCUMENT_BYTES } from "./shard-paths.ts";
import { groupTensors, type LoadedGroup, loadGroup } from "./shards.ts";
import type { TfjsSource } from "./source.ts";

/** A layers model before its layers are looked at. */
export interface TfjsContainer {
  /** The bytes of model.json. */
  readonly text: Uint8Array;
  readonly document: JsonObject;
  readonly groups: readonly LoadedGroup[];
}

/**
 * Reads a layers model of TensorFlow.js: model.json and the files of weights that it names.
 *
 * @param text the bytes of model.json.
 * @param file where model.json belongs, beside its weights.
 */
export async function readTfjs(text: Uint8Array, file: string): Promise<Graph> {
  return readLayersModel(await readContainer(text, file));
}

/** The graph of a container that holds layers. */
export function readLayersModel({ text, document, groups }: TfjsContainer): Graph {
  if (document.format === "graph-model") {
    throw new InputError("it is a graph model of TensorFlow.js, which has no layers");
  }
  return tfjsGraph(text, document, groups);
}

/** As readTfjs, for layers of whatever kind. */
export async function readContainer(text: Uint8Array, file: string): Promise<TfjsContainer> {
  const document = parseDocument(text);
  const groups: LoadedGroup[] = [];
  for (const group of parseManifest(document.weightsManifest)) {
    groups.push(await loadGroup(group, resolve(file)));
  }
  return { text, document, groups };
}

/** The graph of a document whose weights have been read. */
export function tfjsGraph(
  text: Uint8Array,
  document: JsonObject,
  groups: readonly LoadedGroup[],
): Graph {
  const topology = document.modelTopology;
  const nested = isObject(topology) ? topology.model_config : undefined;
  const model = parseModelConfig(nested ?? topology);
  // Weights of the optimizer are of no use here, and may repeat names.
  const tensors = groups.flatMap((loaded) =>
    groupTensors(loaded).filter(
      (_, index) => loaded.group.weights[index]?.raw.group !== "optimizer",
    ),
  );
  const { graph, records } = readLayers(model, new NamedWeights(tensors), "tfjs");
  const producer = [document.generatedBy, document.convertedBy].find(
    (name) => typeof name === "string",
  );
  const read: Graph = { ...graph, producer: String(producer ?? "TensorFlow.js") };
  const weightBytes = groups.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const source: TfjsSource = {
    format: "tfjs",
    layersOnly: true,
    text,
    document,
    model,
    groups,
    records,
    read,
    totalBytes: text.length + weightBytes,
  };
  return { ...read, source };
}

function parseDocument(text: Uint8Array): JsonObject {
  if (text.length > LARGEST_DOCUMENT_BYTES) {
    throw new InputError(
      `the model's JSON has ${text.length} bytes; ${LARGEST_DOCUMENT_BYTES} at most are read`,
    );
  }
  const document = parseJson(new TextDecoder().decode(text), "the model's JSON");
  if (!isObject(document)) throw new InputError(`the JSON is ${shown(document)}, not a model`);
  if (!isObject(document.modelTopology)) {
    throw new InputError("the JSON has no modelTopology; a model of TensorFlow.js is needed");
  }
  return document;
}
