import { DataType } from "../../graph/data-type.ts";
import { int64Tensor } from "../../graph/tensor.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";

/** Row i of the table for each index i; with mask_zero, steps of index 0 do not count. */
function embedding(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const width = call.fields.size("output_dim");
  const table = call.weight("embeddings", [call.fields.size("input_dim"), width]);
  const index = call.add("index", "Cast", [input.value], { to: { int: DataType.INT64 } });
  const value = call.add("main", "Gather", [table, index]);
  const result = { ...input, value, shape: [...input.shape, width], dataType: DataType.FLOAT };
  if (!call.fields.boolean("mask_zero", false)) return result;
  const zero = call.builder.shared("index 0", (name) => int64Tensor(name, [], [0]));
  const padding = call.add("mask/zero", "Equal", [index, zero]);
  return { ...result, mask: call.add("mask/main", "Not", [padding]) };
}

export const embeddingLayers: readonly LayerRule[] = [
  { classNames: ["Embedding"], build: embedding, keepsMask: true },
];
