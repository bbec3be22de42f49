import type { InsertedLayer } from "./find-insertions.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import type { Size } from "./layer-value.ts";
import type { LayerConfig, ModelConfig } from "./model-config.ts";

/** The tensor that a new layer reads. */
export interface EntryInput {
  readonly layer: string;
  readonly call: number;
  readonly shape: readonly Size[];
}

/** A new layer as the model's own layers are written: as Keras 3 does, or as Keras 2 and TensorFlow.js. */
export function layerEntry(
  model: ModelConfig,
  anchor: LayerConfig,
  { className, name, config }: Pick<InsertedLayer, "className" | "name" | "config">,
  input: EntryInput,
): JsonObject {
  const dtype = anchor.fields.value("dtype");
  const own = { name, trainable: true, ...(dtype === undefined ? {} : { dtype }), ...config };
  const keras3 = typeof anchor.raw?.module === "string";
  const head = keras3 ? { module: "keras.layers" } : {};
  const rest = keras3 ? { registered_name: null, build_config: { input_shape: input.shape } } : {};
  const entry = { ...head, class_name: className, config: own, ...rest };
  if (model.sequential) return entry;
  return { ...entry, name, inbound_nodes: [inboundCall(model, input, dtype)] };
}

function inboundCall(model: ModelConfig, input: EntryInput, dtype: Json | undefined): Json {
  const { layer, call, shape } = input;
  const tensors = model.layers.some(({ raw }) => {
    const [first] = Array.isArray(raw?.inbound_nodes) ? (raw.inbound_nodes as Json[]) : [];
    return isObject(first);
  });
  if (!tensors) return [[layer, call, 0, {}]];
  const named = typeof dtype === "string" ? dtype : "float32";
  const config = { shape, dtype: named, keras_history: [layer, call, 0] };
  return { args: [{ class_name: "__keras_tensor__", config }], kwargs: {} };
}
