import { intAttribute } from "../graph/attributes.ts";
import { positiveAxis, rangeOf } from "./shape-algebra.ts";
import { integerList } from "./shape-rules.ts";

/**
 * The axes that a Reduce operator sums over: input 1 (ReduceSum from opset 13, the others from 18),
 * an attribute before; none given means all, unless noop_with_empty_axes. Undefined when computed.
 */
export function reducedAxes(
  context: Parameters<typeof integerList>[0],
  rank: number,
): readonly number[] | undefined {
  const stated = integerList(context, "axes", 1);
  if (stated === undefined) return undefined;
  if (stated !== "absent" && stated.length > 0) {
    return stated.map((axis) => positiveAxis(axis, rank));
  }
  const nothing = intAttribute(context.node, "noop_with_empty_axes", 0) === 1;
  return nothing ? [] : rangeOf(rank);
}
