import { DataType } from "../../graph/data-type.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";

/** Row i of the table for each index i. */
function embedding(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  if (call.fields.boolean("mask_zero", false)) call.fields.refuse("mask_zero", "false");
  const width = call.fields.size("output_dim");
  const table = call.weight("embeddings", [call.fields.size("input_dim"), width]);
  const index = call.add("index", "Cast", [input.value], { to: { int: DataType.INT64 } });
  const value = call.add("main", "Gather", [table, index]);
  return { ...input, value, shape: [...input.shape, width], dataType: DataType.FLOAT };
}

export const embeddingLayers: readonly LayerRule[] = [
  { classNames: ["Embedding"], build: embedding },
];
