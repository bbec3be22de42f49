import { keptWithGraph } from "../graph/kept-with-graph.ts";
import {
  type BatchNormalization,
  isBatchNormalization,
  numericProblem,
  readParameters,
} from "../passes/batch-normalization.ts";
import { isRefusal, type Refusal } from "../passes/refusal.ts";

/** A BatchNorm whose parameters are stored, and the first number that has no place in it. */
export interface ExaminedBatchNorm {
  readonly batchNorm: BatchNormalization;
  readonly problem: Refusal | undefined;
}

/** The short per-channel vectors of each BatchNorm, read once for all rules. In node order. */
export const examinedBatchNorms = keptWithGraph((graph): readonly ExaminedBatchNorm[] =>
  graph.nodes.filter(isBatchNormalization).flatMap((node) => {
    const batchNorm = readParameters(graph, node);
    return isRefusal(batchNorm) ? [] : [{ batchNorm, problem: numericProblem(batchNorm) }];
  }),
);
