import type { GraphBuilder } from "../../graph/builder.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { AddedLoss, LossInputs, Measured, RowTarget } from "./loss.ts";

interface Terms {
  /** A loss for each output. */
  readonly terms: string;
  /** Its derivative. */
  readonly slope: string;
  readonly stem: string;
}

/** L = mean of the terms over batch and outputs, n in all;  ∂L/∂y = slope/n. */
export function addMean(
  builder: GraphBuilder,
  { shape }: LossInputs,
  { terms, slope, stem }: Terms,
): AddedLoss {
  const loss = builder.add("ReduceMean", [terms], { attributes: { keepdims: { int: 0 } }, stem });
  return { loss, gradient: builder.add("Mul", [slope, builder.scalar(1 / elementCount(shape))]) };
}

/** The same for one sample; a number has no right and wrong. */
export function measureTerms(
  output: Float32Array,
  target: RowTarget,
  term: (difference: number) => number,
): Measured {
  const values = target.kind === "numbers" ? target.values : [target.label];
  let sum = 0;
  for (const [index, value] of output.entries()) sum += term(value - (values[index] as number));
  return { sum, weight: output.length, right: 0, answers: 0 };
}
