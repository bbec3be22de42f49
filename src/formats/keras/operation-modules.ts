import { isList, isObject, type Json, type JsonObject } from "../layers/json.ts";

/** Where Keras 3 has the functions of keras.ops that it lists among the layers for masks. */
const MODULES: Readonly<Record<string, string>> = {
  NotEqual: "keras.src.ops.numpy",
  Any: "keras.src.ops.numpy",
  LogicalOr: "keras.src.ops.numpy",
  LogicalAnd: "keras.src.ops.numpy",
  ExpandDims: "keras.src.ops.numpy",
  ZerosLike: "keras.src.ops.numpy",
  ConvertToTensor: "keras.src.ops.core",
};

/**
 * The config of a model with the modules of such functions, which Keras leaves out in .h5 files and
 * cannot find the functions without (saving_utils.model_from_config: "Unknown layer: 'NotEqual'").
 */
export function withOperationModules(model: JsonObject): JsonObject {
  const { config } = model;
  if (!isObject(config) || !isList(config.layers)) return model;
  return { ...model, config: { ...config, layers: config.layers.map(withModule) } };
}

function withModule(layer: Json): Json {
  if (!isObject(layer)) return layer;
  const { class_name: className, module } = layer;
  const known = typeof className === "string" ? MODULES[className] : undefined;
  if (known === undefined || module !== undefined) return withOperationModules(layer);
  return { module: known, ...layer, registered_name: className as string };
}
