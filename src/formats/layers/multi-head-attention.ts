import { attentionWeights, dropoutRate, scoreMask } from "./attention-scores.ts";
import { HeadAxes } from "./head-axes.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue, Size } from "./layer-value.ts";
import { type Projected, product, projected } from "./projection.ts";

/** Sizes by which the two kinds of multi-head attention differ. */
interface Heads {
  /** Heads of keys and values. */
  readonly keys: number;
  /** How many heads of queries look at each of those; 1 for plain multi-head attention. */
  readonly queries: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** Sizes of the result's new axes. */
  readonly outputs: readonly number[];
}

/** What a call reads, in the file's order; the value is also the key where no key is given. */
interface Read {
  readonly query: LayerValue;
  readonly key: LayerValue;
  readonly value: LayerValue;
  /** Masks of query, value, and key where one is given. */
  readonly masks: { readonly queries: string | undefined; readonly keys: readonly string[] };
}

function readBy(call: LayerCall): Read {
  const [first, second, third, ...more] = call.placed;
  const query = first ?? call.named("query");
  const value = second ?? call.named("value");
  const stated = third ?? call.named("key");
  if (query === undefined || value === undefined || more.length > 0) {
    return call.cannotExpress(`it is called with ${call.placed.length} tensors by place`);
  }
  const key = stated ?? value;
  if (query.shape.length !== value.shape.length || value.shape.length !== key.shape.length) {
    call.cannotExpress("its query, value and key have different numbers of axes");
  }
  const keys = [value.mask, stated?.mask].filter((mask) => mask !== undefined);
  return {
    query: call.inFileOrder(query),
    value: call.inFileOrder(value),
    key: call.inFileOrder(key),
    masks: { queries: query.mask, keys },
  };
}

/**
 * softmax(Q·Kᵀ/√d)·V in each head (Vaswani et al. 2017), where Q, K and V are products with weights
 * (features, heads, size), and the result is one with weights (heads, size, features). Groups of query
 * heads may share a head of keys and values (Ainslie et al. 2023).
 *
 * @param front how many axes stand before those that attention goes over.
 */
function attention(call: LayerCall, read: Read, heads: Heads, front: number): LayerValue[] {
  if (call.fields.has("activity_regularizer")) {
    call.cannotExpress("it has an activity_regularizer, which counts for each of its products");
  }
  const { keys, queries, keySize, valueSize } = heads;
  const all = keys * queries;
  // A size of 1 lets each head of keys meet all queries of its group.
  const [groups, shared] =
    queries === 1
      ? [[keys], [keys]]
      : [
          [keys, queries],
          [keys, 1],
        ];
  const gate = call.fields.boolean("use_gate", false);
  const axes = new HeadAxes(call, front, groups.length);
  const q = part(call, "query", read.query, [all, keySize]);
  const k = part(call, "key", read.key, [keys, keySize]);
  // Keras makes the weights of the gate between those of key and value.
  const gates = gate ? part(call, "gate", read.query, [all, valueSize]) : "";
  const v = part(call, "value", read.value, [keys, valueSize]);
  const rows = axes.apart("queries", q, [...groups, keySize]);
  const columns = axes.apart("keys", k, [...shared, keySize], true);
  const products = call.add("products", "MatMul", [rows, columns]);
  // Behind the product: a scale in front of it could be folded into the weights of the query.
  const scale = call.builder.scalar(1 / Math.sqrt(keySize));
  const scores = call.add("scores", "Mul", [products, scale]);
  const { shares, kept } = looks(call, read, scores, groups.length);
  const content = axes.apart("values", v, [...shared, valueSize]);
  let attended = call.add("attended", "MatMul", [kept, content]);
  if (gate) {
    const opened = call.add("gate/open", "Sigmoid", [gates]);
    const factors = axes.apart("gate", opened, [...groups, valueSize]);
    attended = call.add("gated", "Mul", [attended, factors]);
  }
  const found = axes.inOrder("places", attended);
  const result = output(call, read.query, found, [all, valueSize], heads.outputs, front);
  if (!call.option("return_attention_scores")) return [result];
  return [result, scoresResult(call, read, shares, groups, front)];
}

/** How much each query looks at each key. */
function looks(call: LayerCall, { query, key, masks }: Read, scores: string, heads: number) {
  const causal = call.option("use_causal_mask");
  const window = call.fields.has("sliding_window") ? call.fields.size("sliding_window") : undefined;
  const partly =
    masks.queries !== undefined ||
    masks.keys.length > 0 ||
    window !== undefined ||
    call.named("attention_mask") !== undefined;
  if ((partly || causal) && query.shape.length !== 3) {
    call.cannotExpress("it is masked and goes over more than one axis");
  }
  const mask = scoreMask(call, { heads, queries: query, keys: key }, masks, { causal, window });
  const rate = dropoutRate(call);
  // Where Keras 3 has to have the shares it zeroes them; elsewhere it leaves them to one operation.
  const stated = rate > 0 || call.option("return_attention_scores");
  const zeros = call.context.dialect === "keras3" && stated && partly;
  return attentionWeights(call, scores, mask, { rate, zeros });
}

/** The product with a weight, (…, heads·size). Keras has a layer for each, with this one's fields. */
function part(call: LayerCall, name: string, input: Projected, outputs: readonly number[]): string {
  const shape = { bound: 1, outputs, bias: { flag: "use_bias" } };
  return projected(innerCall(call, name), input, shape).value;
}

function innerCall(call: LayerCall, name: string): LayerCall {
  const { fields } = call;
  const own = { className: "EinsumDense", name, fields, calls: [], model: undefined };
  return call.wrapped({ ...own, raw: undefined }, name, []);
}

/** The result, with the axes that attention went over apart again. */
function output(
  call: LayerCall,
  query: LayerValue,
  value: string,
  inner: readonly number[],
  outputs: readonly number[],
  front: number,
): LayerValue {
  const places = query.shape.slice(front, -1);
  const joined = places.length === 1 ? places : [null];
  const input = { value, shape: [...query.shape.slice(0, front), ...joined, ...inner] };
  const last = innerCall(call, "attention_output");
  const flat = projected(last, input, { bound: 2, outputs, bias: { flag: "use_bias" } });
  const shape = [...query.shape.slice(0, -1), ...outputs];
  const common = { ...query, shape };
  if (places.length === 1 && outputs.length === 1) return { ...common, value: flat.value };
  const kept = new Array<number>(front).fill(0);
  const target = [...kept, ...(places.length === 1 ? [0] : openSizes(call, places)), ...outputs];
  const apart = call.add("main", "Reshape", [flat.value, call.builder.ints(target)]);
  return { ...common, value: apart };
}

/** Sizes for a Reshape, which can find out one. */
function openSizes(call: LayerCall, sizes: readonly Size[]): number[] {
  if (sizes.filter((size) => size === null).length > 1) {
    call.cannotExpress("it goes over several axes of open size");
  }
  return sizes.map((size) => size ?? -1);
}

/** The shares as a result of their own, (batch, heads, queries, keys). */
function scoresResult(
  call: LayerCall,
  { query, key }: Read,
  shares: string,
  groups: readonly number[],
  front: number,
): LayerValue {
  if (query.shape.length !== front + 2) {
    call.cannotExpress("it returns its scores over several axes");
  }
  const sizes = [query.shape.at(-2) ?? null, key.shape.at(-2) ?? null];
  const common = { moved: false, dataType: query.dataType };
  const shape = [...query.shape.slice(0, front), product(groups), ...sizes];
  if (groups.length === 1) return { ...common, value: shares, shape };
  const target = [0, product(groups), ...openSizes(call, sizes)];
  const joined = call.add("shares", "Reshape", [shares, call.builder.ints(target)]);
  return { ...common, value: joined, shape };
}

function multiHead(call: LayerCall): readonly LayerValue[] {
  const { fields } = call;
  const read = readBy(call);
  const rank = read.query.shape.length;
  const stated = fields.has("attention_axes") ? fields.integers("attention_axes") : undefined;
  const axes = stated?.map((axis) => (axis < 0 ? axis + rank : axis)) ?? [];
  const front = stated === undefined ? 1 : Math.min(...axes);
  const behind = Array.from({ length: rank - 1 - front }, (_, index) => front + index);
  if (rank < 3 || front < 1 || (stated !== undefined && `${axes}` !== `${behind}`)) {
    call.cannotExpress(`it goes over the axes ${axes}, which are not the last ones but one`);
  }
  const keySize = fields.size("key_dim");
  const features = read.query.shape.at(-1) ?? call.cannotExpress("its query has an open size");
  const heads = {
    keys: fields.size("num_heads"),
    queries: 1,
    keySize,
    valueSize: fields.size("value_dim", keySize),
    outputs: fields.has("output_shape") ? fields.integers("output_shape") : [features],
  };
  return attention(call, read, heads, front);
}

function groupQuery(call: LayerCall): readonly LayerValue[] {
  const { fields } = call;
  const read = readBy(call);
  if (read.query.shape.length !== 3) call.cannotExpress("its query has no 3 axes");
  const [all, keys] = [fields.size("num_query_heads"), fields.size("num_key_value_heads")];
  if (all % keys !== 0) fields.refuse("num_query_heads", `a multiple of ${keys}`);
  const size = fields.size("head_dim");
  const features = read.query.shape.at(-1) ?? call.cannotExpress("its query has an open size");
  const sizes = { keySize: size, valueSize: size, outputs: [features] };
  return attention(call, read, { keys, queries: all / keys, ...sizes }, 1);
}

const COMMON = {
  keepsMask: true,
  tensorArguments: ["query", "value", "key", "attention_mask"],
  optionArguments: ["use_causal_mask", "return_attention_scores"],
};

export const multiHeadAttentionLayers: readonly LayerRule[] = [
  { ...COMMON, classNames: ["MultiHeadAttention"], build: multiHead, takesMasks: true },
  {
    ...COMMON,
    // Keras calls the class GroupedQueryAttention in its code, and the other in its files.
    classNames: ["GroupQueryAttention", "GroupedQueryAttention"],
    build: groupQuery,
  },
];
