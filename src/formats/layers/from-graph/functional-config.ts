import type { Dimension } from "../../../graph/builder.ts";
import type { Json, JsonObject } from "../json.ts";
import type { TargetDialect } from "./node-call.ts";
import type { WrittenLayer } from "./written-layer.ts";

export interface FunctionalModel {
  readonly name: string;
  readonly layers: readonly WrittenLayer[];
  /** Names of the layers. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** class_name and config of a functional model, in the form that a framework reads. */
export function functionalConfig(model: FunctionalModel, dialect: TargetDialect): JsonObject {
  const name = model.name.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+/, "") || "model";
  const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
  const references = (names: readonly string[]): Json => names.map((each) => [each, 0, 0]);
  const config = {
    name,
    trainable: true,
    layers: model.layers.map((layer) =>
      dialect === "tfjs" ? tfjsLayer(layer) : kerasLayer(layer, byName),
    ),
    input_layers: references(model.inputs),
    output_layers: references(model.outputs),
  };
  if (dialect === "tfjs") return { class_name: "Functional", config };
  const module = "keras.src.models.functional";
  return { module, class_name: "Functional", config, registered_name: "Functional" };
}

function tfjsLayer(layer: WrittenLayer): JsonObject {
  const { className, name, inputs } = layer;
  const calls = inputs.length === 0 ? [] : [inputs.map((input) => [input, 0, 0, {}])];
  return {
    class_name: className,
    config: { ...commonFields(layer, "batch_input_shape"), ...layer.config },
    name,
    inbound_nodes: calls,
  };
}

function kerasLayer(layer: WrittenLayer, byName: ReadonlyMap<string, WrittenLayer>): JsonObject {
  const { className, name, inputs } = layer;
  const tensors = inputs.map((input): JsonObject => {
    const { shape, dataType } = byName.get(input) as WrittenLayer;
    const config = { shape: sizes(shape), dtype: dataType, keras_history: [input, 0, 0] };
    return { class_name: "__keras_tensor__", config };
  });
  const args = tensors.length === 1 ? tensors : [tensors];
  return {
    module: "keras.layers",
    class_name: className,
    config: { ...commonFields(layer, "batch_shape"), ...withModules(layer.config) },
    registered_name: null,
    name,
    inbound_nodes: inputs.length === 0 ? [] : [{ args, kwargs: {} }],
  };
}

function commonFields(layer: WrittenLayer, shapeField: string): JsonObject {
  const { name, className, trainable, dataType } = layer;
  if (className === "InputLayer") {
    return { [shapeField]: sizes(layer.shape), dtype: dataType, sparse: false, name };
  }
  return { name, trainable, dtype: "float32" };
}

/** A layer inside another one says where its class is found, too. */
function withModules(config: JsonObject): JsonObject {
  const { layer } = config;
  if (typeof layer !== "object" || layer === null) return config;
  return { ...config, layer: { module: "keras.layers", registered_name: null, ...layer } };
}

function sizes(shape: readonly Dimension[]): Json {
  return shape.map((size) => (typeof size === "number" ? size : null));
}
