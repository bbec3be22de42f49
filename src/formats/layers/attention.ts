import { type NodeRole, withRole } from "../../graph/node-role.ts";
import { attentionWeights, dropoutRate, scoreMask } from "./attention-scores.ts";
import { knownSize, type LayerCall, type WeightUse } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";

/** Query, value and key, each (batch, steps, features), and the scores (batch, queries, keys) of them. */
type ScoresOf = (call: LayerCall, query: LayerValue, key: LayerValue) => string;

/**
 * Σ softmax(scores)·value for each query, with zeros for queries that do not count (Luong et al. 2015;
 * Bahdanau et al. 2015).
 */
function attention(call: LayerCall, scoresOf: ScoresOf): readonly LayerValue[] {
  const [query, value, third, ...more] = call.placed.map((each) => call.inFileOrder(each));
  if (query === undefined || value === undefined || more.length > 0) {
    return call.cannotExpress(`it is called with ${call.placed.length} tensors`);
  }
  const key = third ?? value;
  if ([query, value, key].some(({ shape }) => shape.length !== 3)) {
    call.cannotExpress("its tensors do not have 3 axes each");
  }
  const scores = scoresOf(call, query, key);
  const masks = { queries: undefined, keys: value.mask === undefined ? [] : [value.mask] };
  const causal = call.option("use_causal_mask") || call.fields.boolean("causal", false);
  const steps = { heads: 0, queries: query, keys: key };
  const mask = scoreMask(call, steps, masks, { causal, window: undefined });
  const rate = dropoutRate(call);
  const { shares, kept } = attentionWeights(call, scores, mask, { rate, zeros: false });
  const found = call.add("attended", "MatMul", [kept, value.value]);
  const [batch = null, queries = null] = query.shape;
  const result = {
    ...query,
    value: query.mask === undefined ? found : withoutMasked(call, found, query.mask),
    shape: [batch, queries, value.shape[2] ?? null],
  };
  if (!call.option("return_attention_scores")) return [result];
  const shape = [batch, queries, key.shape[1] ?? null];
  return [result, { moved: false, dataType: query.dataType, value: shares, shape }];
}

/** Zeros for the steps (batch, steps) that do not count. */
function withoutMasked(call: LayerCall, value: string, mask: string): string {
  const { builder } = call;
  const column = call.add("counts", "Unsqueeze", [mask, builder.ints([2])]);
  return call.add("main", "Where", [column, value, builder.scalar(0)]);
}

/** A product with a weight that is one number, which training would take for a constant. */
function timesNumber(call: LayerCall, part: string, value: string, weight: WeightUse): string {
  const output = call.builder.freshName(`${call.path.join("/")}/${part}`);
  const role: NodeRole = "learned-number";
  const noted = (node: Parameters<typeof withRole>[0]) => withRole(node, role);
  call.addNode({ part, opType: "Mul", inputs: [value, weight], outputs: [output], noted });
  return output;
}

/** scale·q·kᵀ; or with score_mode "concat" weight·Σ tanh(scale·(q + k)). */
function dotScores(call: LayerCall, query: LayerValue, key: LayerValue): string {
  const mode = call.fields.string("score_mode", "dot");
  if (mode !== "dot" && mode !== "concat") call.fields.refuse("score_mode", '"dot" or "concat"');
  const scaled = call.fields.boolean("use_scale", false);
  const scale = scaled ? call.weight("scale", []) : undefined;
  if (mode === "concat") {
    const weight = call.weight("concat_score_weight", []);
    const sums = pairs(call, query, key);
    const inner = scale === undefined ? sums : timesNumber(call, "scaled", sums, scale);
    const total = overFeatures(call, call.add("tanh", "Tanh", [inner]));
    return timesNumber(call, "scores", total, weight);
  }
  const perm = { perm: { ints: [0, 2, 1] } };
  const turned = call.add("keys", "Transpose", [key.value], perm);
  const products = call.add("scores", "MatMul", [query.value, turned]);
  return scale === undefined ? products : timesNumber(call, "scaled", products, scale);
}

/** Σ scale·tanh(q + k) over the features. */
function additiveScores(call: LayerCall, query: LayerValue, key: LayerValue): string {
  const size = knownSize(call, query.shape[2], "the size of its query's last axis");
  const tanh = call.add("tanh", "Tanh", [pairs(call, query, key)]);
  if (!call.fields.boolean("use_scale", true)) return overFeatures(call, tanh);
  const scale = call.weight("scale", [size]);
  return overFeatures(call, call.add("scaled", "Mul", [tanh, scale]));
}

/** q + k for each pair of a query and a key, (batch, queries, keys, features). */
function pairs(call: LayerCall, query: LayerValue, key: LayerValue): string {
  const { builder } = call;
  const rows = call.add("queries", "Unsqueeze", [query.value, builder.ints([2])]);
  const columns = call.add("keys", "Unsqueeze", [key.value, builder.ints([1])]);
  return call.add("pairs", "Add", [rows, columns]);
}

function overFeatures(call: LayerCall, value: string): string {
  const axes = call.builder.ints([3]);
  return call.add("sum", "ReduceSum", [value, axes], { keepdims: { int: 0 } });
}

const COMMON = {
  keepsMask: true,
  optionArguments: ["use_causal_mask", "return_attention_scores"],
};

export const attentionLayers: readonly LayerRule[] = [
  { ...COMMON, classNames: ["Attention"], build: (call) => attention(call, dotScores) },
  {
    ...COMMON,
    classNames: ["AdditiveAttention"],
    build: (call) => attention(call, additiveScores),
  },
];
