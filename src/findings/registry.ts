import { keptWithGraph } from "../graph/kept-with-graph.ts";
import type { Finding } from "../protocol/reports.ts";
import { batchNormAfterActivation } from "./batch-norm-after-activation.ts";
import { batchNormNumerics } from "./batch-norm-numerics.ts";
import { batchNormTrainingMode } from "./batch-norm-training-mode.ts";
import { biasBeforeBatchNorm } from "./bias-before-batch-norm.ts";
import { dropoutBeforeBatchNorm } from "./dropout-before-batch-norm.ts";
import { dropoutTrainingMode } from "./dropout-training-mode.ts";
import type { FindingRule } from "./finding-rule.ts";
import { foldBatchNormFindings } from "./fold-batch-norm.ts";
import { keptLayer } from "./kept-layer.ts";
import { nearZeroVariance } from "./near-zero-variance.ts";
import { prunableChannel } from "./prunable-channel.ts";
import { unusedNormalizationParameter } from "./unused-normalization-parameter.ts";

/** Every rule, in the order in which their findings are listed. */
export const FINDING_RULES: readonly FindingRule[] = [
  foldBatchNormFindings,
  batchNormTrainingMode,
  dropoutTrainingMode,
  batchNormNumerics,
  nearZeroVariance,
  prunableChannel,
  dropoutBeforeBatchNorm,
  biasBeforeBatchNorm,
  batchNormAfterActivation,
  unusedNormalizationParameter,
  keptLayer,
];

/** Every remark on a model; once a graph, as the page asks again with every node that is selected. */
export const findings = keptWithGraph((graph): readonly Finding[] =>
  FINDING_RULES.flatMap((rule) => rule.find(graph)),
);
