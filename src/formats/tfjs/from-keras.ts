import { InputError } from "../../graph/input-error.ts";
import type { TensorReference } from "../layers/inbound.ts";
import { isList, isObject, type Json, type JsonObject } from "../layers/json.ts";
import type { LayerConfig, ModelConfig } from "../layers/model-config.ts";

/**
 * A model of Keras 2 or 3 in the form that TensorFlow.js builds layers from: its config's names stay,
 * only what Keras 3 writes otherwise is written as Keras 2 did. Whether TensorFlow.js then computes the
 * same is for the caller to find out: it passes over fields that it does not know.
 *
 * @throws InputError naming a layer that is called with more than tensors.
 */
export function tfjsTopology(model: ModelConfig): JsonObject {
  const models = new Set(
    model.layers.flatMap(({ model: inner, name }) => (inner === undefined ? [] : [name])),
  );
  // TensorFlow.js counts the making of a model as its first call.
  const reference = ({ layer, call, output }: TensorReference): Json[] => [
    layer,
    models.has(layer) ? call + 1 : call,
    output,
  ];
  const layers = model.layers
    .filter(({ raw }) => raw !== undefined)
    .map((layer) => ({
      ...layerEntry(layer),
      ...(model.sequential ? {} : { inbound_nodes: inboundNodes(layer, reference) }),
    }));
  if (model.sequential) return { class_name: "Sequential", config: { name: model.name, layers } };
  const ends = {
    input_layers: model.inputs.map(reference),
    output_layers: model.outputs.map(reference),
  };
  return { class_name: "Model", config: { name: model.name, layers, ...ends } };
}

function layerEntry(layer: LayerConfig): JsonObject {
  const { className, name, model, fields } = layer;
  if (model !== undefined) {
    const { class_name, config } = tfjsTopology(model);
    return { class_name: class_name ?? null, name, config: { ...(config as JsonObject), name } };
  }
  return { class_name: className, name, config: layerConfig(className, fields.config) };
}

function inboundNodes(layer: LayerConfig, reference: (to: TensorReference) => Json[]): Json[] {
  if (layer.className === "InputLayer") return [];
  return layer.calls.map((call) =>
    call.map((input) => {
      const { argument, unfollowed, numbers } = input;
      const more = argument ?? unfollowed ?? numbers?.[0];
      if (more !== undefined) {
        throw new InputError(
          `layer ${layer.name}: is called with ${more}, which TensorFlow.js has no form for`,
        );
      }
      return [...reference(input), {}];
    }),
  );
}

function layerConfig(className: string, config: JsonObject): JsonObject {
  const { batch_shape: shape, ...rest } = config;
  const stated = shape === undefined ? {} : { batch_input_shape: shape };
  const plain = plainObject({ ...stated, ...rest });
  const { axis } = plain;
  // Keras 2 lists the one axis.
  const single = className === "BatchNormalization" && isList(axis) && axis.length === 1;
  return single ? { ...plain, axis: axis[0] ?? null } : plain;
}

/** Without what Keras 3 writes around names: modules, registered names, policies of types. */
function plainObject(object: JsonObject): JsonObject {
  const entries = Object.entries(object).filter(
    ([key]) => !["module", "registered_name", "build_config", "quantization_config"].includes(key),
  );
  return Object.fromEntries(entries.map(([key, value]) => [key, plainField(key, value)]));
}

function plainField(key: string, value: Json): Json {
  if (key === "activity_regularizer") return null;
  if (key.endsWith("_regularizer")) return regularizer(value);
  return plain(value);
}

function plain(value: Json): Json {
  if (isList(value)) return value.map(plain);
  if (!isObject(value)) return value;
  if (value.class_name === "DTypePolicy" && isObject(value.config)) {
    return value.config.name ?? null;
  }
  return plainObject(value);
}

/** TensorFlow.js has one class for all of them, whose numbers are 0.01 unless they are stated. */
function regularizer(value: Json): Json {
  const config = isObject(value) && isObject(value.config) ? value.config : {};
  const stated = isObject(value) ? value.class_name : value;
  const name = String(stated).toLowerCase().replaceAll("_", "");
  const strength = (field: string, used: boolean) => {
    const fallback = isObject(value) && name === "l1l2" ? 0 : 0.01;
    return used ? (config[field] ?? fallback) : 0;
  };
  if (!["l1", "l2", "l1l2"].includes(name)) return plain(value);
  const numbers = { l1: strength("l1", name !== "l2"), l2: strength("l2", name !== "l1") };
  return { class_name: "L1L2", config: numbers };
}
