import { DataType } from "../../graph/data-type.ts";
import { int64Tensor } from "../../graph/tensor.ts";
import type { LayerCall } from "./layer-call.ts";
import { DIFFERING_MASKS, type LayerValue, type Size } from "./layer-value.ts";

/** What a score is where a query must not look, in Keras as here: e to its power is 0 beside any other. */
const NEVER = -1e9;

/** Scores (batch…, heads…, queries, keys) and what is known of them. */
export interface Scores {
  readonly value: string;
  /** Axes between the batch and the queries. */
  readonly heads: number;
  readonly queries: LayerValue;
  readonly keys: LayerValue;
}

/** Masks as Keras passes them with its tensors, (batch, queries) and (batch, keys). */
export interface StepMasks {
  readonly queries: string | undefined;
  readonly keys: readonly string[];
}

/**
 * Which query may look at which key: true where all that is said of them allows it. Each of the masks
 * has axes of size 1 for what it says nothing about.
 *
 * @returns undefined where nothing is forbidden.
 */
export function scoreMask(
  call: LayerCall,
  scores: Omit<Scores, "value">,
  masks: StepMasks,
  limits: { readonly causal: boolean; readonly window: number | undefined },
): string | undefined {
  const { builder } = call;
  const { heads } = scores;
  const between = Array.from({ length: heads }, (_, axis) => axis + 1);
  const widened = (mask: string, part: string, axes: readonly number[]) => {
    if (mask === DIFFERING_MASKS) call.cannotExpress("its input is masked in several ways");
    return call.add(part, "Unsqueeze", [mask, builder.ints(axes)]);
  };
  const allowed: string[] = [];
  if (masks.queries !== undefined) {
    allowed.push(widened(masks.queries, "mask/queries", [...between, heads + 2]));
  }
  for (const [index, keys] of [...new Set(masks.keys)].entries()) {
    allowed.push(widened(keys, `mask/keys${index}`, [...between, heads + 1]));
  }
  const explicit = call.named("attention_mask");
  if (explicit !== undefined) allowed.push(explicitMask(call, explicit, heads));
  allowed.push(...limitedByPlace(call, scores, limits));
  return allowed.reduce<string | undefined>(
    (all, mask, index) =>
      all === undefined ? mask : call.add(`mask/and${index}`, "And", [all, mask]),
    undefined,
  );
}

/** A mask (batch, queries, keys) that the layer is called with; with axes for heads as they are. */
function explicitMask(call: LayerCall, mask: LayerValue, heads: number): string {
  const { value, shape } = call.inFileOrder(mask);
  const truth = call.add("mask/truth", "Cast", [value], { to: { int: DataType.BOOL } });
  const missing = heads + 3 - shape.length;
  if (missing < 0) call.cannotExpress("its attention_mask has more axes than its scores");
  if (missing === 0) return truth;
  const axes = Array.from({ length: missing }, (_, axis) => axis + 1);
  return call.add("mask/stated", "Unsqueeze", [truth, call.builder.ints(axes)]);
}

/** Masks (queries, keys) of query t and key s: s ≤ t; |t − s| < window. */
function limitedByPlace(
  call: LayerCall,
  { queries, keys }: Pick<Scores, "queries" | "keys">,
  { causal, window }: { readonly causal: boolean; readonly window: number | undefined },
): string[] {
  if (!causal && window === undefined) return [];
  const { builder } = call;
  const column = call.add("mask/rows", "Unsqueeze", [
    places(call, queries, "mask/query"),
    builder.ints([1]),
  ]);
  const row = places(call, keys, "mask/key");
  const limits = causal ? [call.add("mask/causal", "GreaterOrEqual", [column, row])] : [];
  if (window === undefined) return limits;
  const distance = call.add("mask/distance", "Abs", [call.add("mask/apart", "Sub", [column, row])]);
  const width = builder.shared(`int:${window}`, (name) => int64Tensor(name, [], [window]));
  return [...limits, call.add("mask/window", "Less", [distance, width])];
}

/** 0, 1, … for each step of (batch, steps, …). */
function places(call: LayerCall, { value, shape }: LayerValue, part: string): string {
  const { builder } = call;
  const whole = (number: number) =>
    builder.shared(`int:${number}`, (name) => int64Tensor(name, [], [number]));
  const steps: Size | undefined = shape[1];
  const count =
    typeof steps === "number"
      ? whole(steps)
      : call.add(`${part}/count`, "Squeeze", [
          call.add(`${part}/length`, "Shape", [value], { start: { int: 1 }, end: { int: 2 } }),
          builder.ints([0]),
        ]);
  return call.add(`${part}/places`, "Range", [whole(0), count, whole(1)]);
}

/**
 * How much each query looks at each key, softmax over the keys, and with some of it dropped while training.
 *
 * @param zeros a query that may look nowhere gets zeros in place of the same share of every key.
 */
export function attentionWeights(
  call: LayerCall,
  scores: string,
  mask: string | undefined,
  { rate, zeros }: { readonly rate: number; readonly zeros: boolean },
): { readonly shares: string; readonly kept: string } {
  const { builder } = call;
  const masked =
    mask === undefined
      ? scores
      : call.add("masked", "Where", [mask, scores, builder.scalar(NEVER)]);
  let shares = call.add("softmax", "Softmax", [masked], { axis: { int: -1 } });
  if (mask !== undefined && zeros) {
    shares = call.add("allowed", "Where", [mask, shares, builder.scalar(0)]);
  }
  if (rate === 0) return { shares, kept: shares };
  const ratio = call.constant("rate", [], [rate]);
  return { shares, kept: call.add("dropped", "Dropout", [shares, ratio]) };
}

/** The probability to drop. */
export function dropoutRate(call: LayerCall): number {
  const rate = call.fields.number("dropout", 0);
  return rate < 0 || rate >= 1 ? call.fields.refuse("dropout", "a number from 0 to below 1") : rate;
}
