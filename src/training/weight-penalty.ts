import type { GraphBuilder } from "../graph/builder.ts";
import { wholeSum } from "./whole-sums.ts";

export interface WeightPenalty {
  readonly l1: number;
  readonly l2: number;
}

/**
 * The gradient of l1·Σ|w| + l2·½·Σw² with respect to a weight,
 *
 *   l1·sign(w) + l2·w,
 *
 * with sign(0) = 0; the second term is PyTorch's weight_decay. By default the penalties are of weights
 * only: on biases and BatchNorm's scale and shift they would move the function without making it
 * smoother. They are of the weight as the layer reads it, so that behind weight normalization they
 * reach g and v through w = g·v/‖v‖.
 *
 * The losses that are reported are the data's alone, so that runs with different penalties and the
 * validation loss can be compared.
 *
 * @returns undefined where there is no penalty.
 */
export function addPenaltyGradient(
  builder: GraphBuilder,
  { l1, l2 }: WeightPenalty,
  weight: string,
): string | undefined {
  const terms: string[] = [];
  if (l1 !== 0) {
    const sign = builder.add("Sign", [weight]);
    terms.push(builder.add("Mul", [sign, builder.scalar(l1)]));
  }
  if (l2 !== 0) terms.push(builder.add("Mul", [weight, builder.scalar(l2)]));
  return terms.length > 1 ? builder.add("Add", terms) : terms[0];
}

/** The penalty itself, l1·Σ|w| + l2·½·Σw² of each of the weights: a scalar, undefined where there is none. */
export function addPenalty(
  builder: GraphBuilder,
  weights: readonly {
    readonly value: string;
    readonly rank: number;
    readonly strength: WeightPenalty;
  }[],
): string | undefined {
  const term = (
    opType: "ReduceL1" | "ReduceSumSquare",
    value: string,
    rank: number,
    factor: number,
  ) =>
    factor === 0
      ? []
      : [builder.add("Mul", [wholeSum(builder, opType, value, rank), builder.scalar(factor)])];
  const terms = [
    ...weights.flatMap(({ value, rank, strength }) => term("ReduceL1", value, rank, strength.l1)),
    ...weights.flatMap(({ value, rank, strength }) =>
      term("ReduceSumSquare", value, rank, strength.l2 / 2),
    ),
  ];
  return terms.length === 0 ? undefined : builder.add("Sum", terms, { stem: "penalty" });
}
