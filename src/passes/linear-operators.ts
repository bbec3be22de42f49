import { isStandardDomain, type Node } from "../graph/graph.ts";
import { batchNormalization } from "./linear-batch-normalization.ts";
import { convolution, transposedConvolution } from "./linear-convolution.ts";
import { gemm } from "./linear-gemm.ts";
import type { LinearOperator } from "./linear-layer.ts";
import { matMul } from "./linear-mat-mul.ts";

/** Every operator that can take a per-channel scale and shift into its parameters. */
const OPERATORS: readonly LinearOperator[] = [
  convolution,
  transposedConvolution,
  gemm,
  matMul,
  batchNormalization,
];

const byType = new Map(OPERATORS.map((operator) => [operator.opType, operator]));

export function linearOperator(node: Node): LinearOperator | undefined {
  return isStandardDomain(node.domain) ? byType.get(node.opType) : undefined;
}
