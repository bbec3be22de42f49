import { activationOperators } from "./activation.ts";
import { arithmeticOperators } from "./arithmetic.ts";
import { convolutionOperators } from "./convolution.ts";
import { creationOperators } from "./creation.ts";
import { depthOperators } from "./depth.ts";
import { dilationOperators } from "./dilation.ts";
import { einsumOperators } from "./einsum.ts";
import { joiningOperators } from "./joining.ts";
import { linearOperators } from "./linear.ts";
import { normalizationOperators } from "./normalization.ts";
import type { OperationRule } from "./operation-rule.ts";
import { passingOperators } from "./passing.ts";
import { poolingOperators } from "./pooling.ts";
import { reductionOperators } from "./reduction.ts";
import { reshapingOperators } from "./reshaping.ts";
import { resizingOperators } from "./resizing.ts";
import { selectionOperators } from "./selection.ts";
import { slicingOperators } from "./slicing.ts";
import { stridedSlicingOperators } from "./strided-slice.ts";

/** Every operator of TensorFlow that is written as nodes of ours; one family a file. */
export const operationRules: readonly OperationRule[] = [
  ...convolutionOperators,
  ...dilationOperators,
  ...linearOperators,
  ...einsumOperators,
  ...normalizationOperators,
  ...activationOperators,
  ...arithmeticOperators,
  ...poolingOperators,
  ...reductionOperators,
  ...reshapingOperators,
  ...joiningOperators,
  ...slicingOperators,
  ...stridedSlicingOperators,
  ...selectionOperators,
  ...resizingOperators,
  ...depthOperators,
  ...creationOperators,
  ...passingOperators,
];

const table = new Map(
  operationRules.flatMap((rule) => rule.operators.map((operator) => [operator, rule] as const)),
);

/** The rule of an operator; undefined for one that is kept as it is. */
export function operationRule(operator: string): OperationRule | undefined {
  return table.get(operator);
}

/** What would run a part of the graph a number of times that is not known, or call another graph. */
const CONTROL_FLOW: ReadonlySet<string> = new Set([
  "Switch",
  "Merge",
  "Enter",
  "Exit",
  "NextIteration",
  "LoopCond",
  "While",
  "StatelessWhile",
  "If",
  "StatelessIf",
  "Case",
  "StatelessCase",
  "For",
  "PartitionedCall",
  "StatefulPartitionedCall",
]);

export function isControlFlow(operator: string): boolean {
  return CONTROL_FLOW.has(operator);
}
