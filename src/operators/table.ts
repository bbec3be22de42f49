import { activationRules } from "./activation.ts";
import { arithmeticRules } from "./arithmetic.ts";
import { batchNormalizationRules } from "./batch-normalization.ts";
import { comparisonRules } from "./comparison.ts";
import { constantRules } from "./constant.ts";
import { convolutionRules } from "./convolution.ts";
import { cumulativeRules } from "./cumulative.ts";
import { dropoutRules } from "./dropout.ts";
import { einsumRules } from "./einsum.ts";
import { groupNormalizationRules } from "./group-normalization.ts";
import { indexingRules } from "./indexing.ts";
import { linearRules } from "./linear.ts";
import { movementRules } from "./movement.ts";
import { normDivisionRules } from "./norm-division.ts";
import { normalizationRules } from "./normalization.ts";
import type { OperatorRule } from "./operator.ts";
import { padRules } from "./pad.ts";
import { poolingRules } from "./pooling.ts";
import { quantizationRules } from "./quantization.ts";
import { recurrentRules } from "./recurrent.ts";
import { reductionRules } from "./reduction.ts";
import { reshapingRules } from "./reshaping.ts";
import { resizeRules } from "./resize.ts";
import { scatterRules } from "./scatter.ts";
import { slicingRules } from "./slicing.ts";
import { softmaxRules } from "./softmax.ts";
import { topKRules } from "./top-k.ts";
import { trigonometryRules } from "./trigonometry.ts";

/** Every operator NormLens knows; one family a file. */
export const operatorRules: readonly OperatorRule[] = [
  ...convolutionRules,
  ...poolingRules,
  ...batchNormalizationRules,
  ...normalizationRules,
  ...activationRules,
  ...arithmeticRules,
  ...comparisonRules,
  ...linearRules,
  ...einsumRules,
  ...reshapingRules,
  ...movementRules,
  ...padRules,
  ...slicingRules,
  ...indexingRules,
  ...cumulativeRules,
  ...groupNormalizationRules,
  ...normDivisionRules,
  ...scatterRules,
  ...topKRules,
  ...trigonometryRules,
  ...constantRules,
  ...reductionRules,
  ...softmaxRules,
  ...dropoutRules,
  ...resizeRules,
  ...recurrentRules,
  ...quantizationRules,
];

const table = new Map(operatorRules.map((rule) => [key(rule.domain ?? "", rule.opType), rule]));

/** The rule of an operator; undefined for one we do not know. "ai.onnx" is the standard domain. */
export function operatorRule(domain: string, opType: string): OperatorRule | undefined {
  return table.get(key(domain === "ai.onnx" ? "" : domain, opType));
}

function key(domain: string, opType: string): string {
  return `${domain}:${opType}`;
}
