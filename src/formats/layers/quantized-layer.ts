import type { Fields } from "./fields.ts";
import { isObject } from "./json.ts";

/**
 * The numbers a quantized layer computes with, "int8", by its dtype policy: Keras rounds its inputs and
 * kernel while it runs, which the graph of its float layer would not. Undefined for a layer that is not
 * quantized; a policy such as mixed_float16 only rounds coarser than float32.
 *
 * Policies are objects with a mode, or by name "int8_from_float32" (keras/src/dtype_policies).
 */
export function quantizationOf(fields: Fields): string | undefined {
  const dtype = fields.value("dtype");
  if (typeof dtype === "string") return /^(\w+)_from_\w+$/.exec(dtype)?.[1];
  if (!isObject(dtype) || !isObject(dtype.config)) return undefined;
  const { mode, name } = dtype.config;
  if (typeof mode === "string") return mode;
  return typeof name === "string" ? /^(\w+)_from_\w+$/.exec(name)?.[1] : undefined;
}
