import { insertedBatchNormalization } from "./batch-normalization.ts";
import { insertedDropout } from "./dropout.ts";
import type { InsertedLayerRule } from "./inserted-layer.ts";

/** Every node of a pass that a layer stands for. */
const rules: readonly InsertedLayerRule[] = [insertedBatchNormalization, insertedDropout];

const table = new Map(rules.map((rule) => [rule.opType, rule]));

export function insertedLayerRule(opType: string): InsertedLayerRule | undefined {
  return table.get(opType);
}
