import { InputError } from "../../graph/input-error.ts";
import { Fields } from "./fields.ts";
import { inboundCalls, type TensorReference, tensorReferences } from "./inbound.ts";
import { isList, isObject, type Json, type JsonObject, shown } from "./json.ts";

/** A model's structure, whichever of Keras' forms it was stated in. */
export interface ModelConfig {
  readonly name: string;
  readonly sequential: boolean;
  readonly layers: readonly LayerConfig[];
  readonly inputs: readonly TensorReference[];
  readonly outputs: readonly TensorReference[];
  /** The object that holds the config, as the file has it. */
  readonly raw: JsonObject;
}

export interface LayerConfig {
  readonly className: string;
  readonly name: string;
  readonly fields: Fields;
  /** What each call of the layer reads; a shared layer has several, an input none. */
  readonly calls: readonly (readonly TensorReference[])[];
  /** The layers of a model that is used as a layer. */
  readonly model: ModelConfig | undefined;
  /** The object in the list of layers, as the file has it; undefined for an implied input. */
  readonly raw: JsonObject | undefined;
}

const MODEL_CLASSES: ReadonlySet<string> = new Set(["Sequential", "Functional", "Model"]);

/** Whether a layer of this class is a model of layers itself. */
export function isModelClass(className: string): boolean {
  return MODEL_CLASSES.has(className);
}

const DEEPEST_MODEL = 32;
const MOST_LAYERS = 20_000;

/**
 * Reads class_name and config of a model: Sequential or Functional ("Model" in old files), of
 * Keras 2, Keras 3 or TensorFlow.js.
 */
export function parseModelConfig(topology: Json | undefined, depth = 0): ModelConfig {
  if (!isObject(topology)) {
    throw new InputError(`the model's topology is ${shown(topology)}; an object is needed`);
  }
  const className = topology.class_name;
  if (typeof className !== "string" || !MODEL_CLASSES.has(className)) {
    throw new InputError(
      `the model's class_name is ${shown(className)}; Sequential or Functional is needed`,
    );
  }
  if (depth > DEEPEST_MODEL) {
    throw new InputError(`models are nested within each other deeper than ${DEEPEST_MODEL} levels`);
  }
  // Old files of Sequential models have the list of layers itself as the config.
  const config = isList(topology.config) ? { layers: topology.config } : topology.config;
  if (!isObject(config) || !isList(config.layers)) {
    throw new InputError("the model's config has no list of layers");
  }
  if (config.layers.length > MOST_LAYERS) {
    throw new InputError(
      `the model has ${config.layers.length} layers; ${MOST_LAYERS} at most are read`,
    );
  }
  const sequential = className === "Sequential";
  const name = typeof config.name === "string" ? config.name : className.toLowerCase();
  const layers = config.layers.map((layer, position) =>
    parseLayer(layer, `layers[${position}]`, sequential, depth),
  );
  const parts = sequential ? chained(layers) : connected(layers, config);
  refuseRepeatedNames(parts.layers);
  return { name, sequential, ...parts, raw: topology };
}

function parseLayer(layer: Json, where: string, sequential: boolean, depth: number): LayerConfig {
  if (!isObject(layer) || typeof layer.class_name !== "string" || layer.class_name === "") {
    throw new InputError(`${where} is ${shown(layer)}; a layer with a class_name is needed`);
  }
  const className = layer.class_name;
  const config = isObject(layer.config) ? layer.config : {};
  const name = typeof layer.name === "string" ? layer.name : config.name;
  const isModel = MODEL_CLASSES.has(className);
  if (typeof name !== "string" || name === "") {
    throw new InputError(
      `${where}: the name of the ${className} is ${shown(name)}; a text is needed`,
    );
  }
  return {
    className,
    name,
    fields: new Fields(config, `layer ${name}`),
    calls: sequential ? [] : inboundCalls(layer.inbound_nodes, `layer ${name}`),
    model: isModel ? parseModelConfig(layer, depth + 1) : undefined,
    raw: layer,
  };
}

type Parts = Pick<ModelConfig, "layers" | "inputs" | "outputs">;

/** A Sequential model: each layer reads the one before. An input that is not listed is implied. */
function chained(layers: readonly LayerConfig[]): Parts {
  const [first] = layers;
  if (first === undefined) throw new InputError("the Sequential model has no layers");
  const listed = first.className === "InputLayer";
  // A model in front has its own input, which says the shape.
  const shaped = first.model?.layers[0] ?? first;
  const implied = { ...first, className: "InputLayer", name: `${first.name}_input` };
  const input: LayerConfig = {
    ...implied,
    fields: shaped.fields,
    calls: [[]],
    model: undefined,
    raw: undefined,
  };
  const all = listed ? layers : [input, ...layers];
  const reference = (layer: LayerConfig) => ({ layer: layer.name, call: 0, output: 0 });
  return {
    layers: all.map((layer, position) => {
      const before = all[position - 1];
      return { ...layer, calls: [before === undefined ? [] : [reference(before)]] };
    }),
    inputs: [reference(all[0] as LayerConfig)],
    outputs: [reference(all.at(-1) as LayerConfig)],
  };
}

function connected(layers: readonly LayerConfig[], config: JsonObject): Parts {
  const inputs = tensorReferences(config.input_layers, "input_layers");
  const outputs = tensorReferences(config.output_layers, "output_layers");
  if (inputs.length === 0 || outputs.length === 0) {
    throw new InputError("the model's config has no input_layers or no output_layers");
  }
  const all = [...outputs, ...layers.flatMap(({ calls }) => calls.flat())];
  const firstCalls = new Map<string, number>();
  for (const { layer, call } of all) {
    firstCalls.set(layer, Math.min(call, firstCalls.get(layer) ?? call));
  }
  // The making of a model counts as its first call in some versions, and its uses follow then.
  const models = new Set(layers.filter(({ model }) => model !== undefined).map(({ name }) => name));
  const counted = (reference: TensorReference): TensorReference => {
    const first = models.has(reference.layer)
      ? Math.min(firstCalls.get(reference.layer) ?? 0, 1)
      : 0;
    return { ...reference, call: reference.call - first };
  };
  return {
    layers: layers.map((layer) => ({
      ...layer,
      calls: layer.className === "InputLayer" ? [[]] : layer.calls.map((call) => call.map(counted)),
    })),
    inputs,
    outputs: outputs.map(counted),
  };
}

function refuseRepeatedNames(layers: readonly LayerConfig[]): void {
  const seen = new Set<string>();
  for (const { name } of layers) {
    if (seen.has(name)) throw new InputError(`two layers have the name ${name}`);
    seen.add(name);
  }
}
