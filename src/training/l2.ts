import type { GraphBuilder } from "../graph/builder.ts";

/**
 * L2 penalty l2·½·Σw² (the form of PyTorch's weight_decay): its gradient l2·w is added to the
 * parameter's. It is of weights only; a penalty on biases and BatchNorm's scale and shift would move
 * the function without making it smoother.
 *
 * The losses that are reported are the data's alone, so that runs with different penalties and the
 * validation loss can be compared.
 */
export function addL2Gradient(
  builder: GraphBuilder,
  l2: number,
  parameter: string,
  gradient: string,
): string {
  if (l2 === 0) return gradient;
  const penalty = builder.add("Mul", [parameter, builder.scalar(l2)]);
  return builder.add("Add", [gradient, penalty]);
}
