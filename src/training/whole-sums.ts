import type { GraphBuilder } from "../graph/builder.ts";
import { rangeOf } from "../operators/shape-algebra.ts";

/**
 * A scalar: the sum of |x| or of x² over a whole tensor. Sums over all axes but the first come before
 * the rest: in one go ONNX Runtime adds up all numbers one after the other, on one thread and, where
 * there are millions, with a relative error of 1e-4; along the first axis it takes seven times as long.
 */
export function wholeSum(
  builder: GraphBuilder,
  opType: "ReduceL1" | "ReduceSumSquare",
  value: string,
  rank: number,
): string {
  const flat = { attributes: { keepdims: { int: 0 } } };
  if (rank < 2) return builder.add(opType, [value], flat);
  const inner = rangeOf(rank).slice(1);
  const parts = builder.add(opType, [value, builder.ints(inner)], flat);
  return builder.add("ReduceSum", [parts], flat);
}
