import { InputError } from "../graph/input-error.ts";
import { applyWeightNorm } from "./apply-weight-norm.ts";
import { batchNormToAffine } from "./batch-norm-to-affine.ts";
import { dropRedundantBias } from "./drop-redundant-bias.ts";
import { foldBatchNorm } from "./fold-batch-norm.ts";
import { foldMeanOnlyBatchNorm } from "./fold-mean-only-batch-norm.ts";
import { insertBatchNorm } from "./insert-batch-norm.ts";
import { insertDropout } from "./insert-dropout.ts";
import { insertMeanOnlyBatchNorm } from "./insert-mean-only-batch-norm.ts";
import { insertVariationalDropout } from "./insert-variational-dropout.ts";
import { insertWhitening } from "./insert-whitening.ts";
import { mergeNormalizationAffine } from "./merge-normalization-affine.ts";
import type { Pass } from "./pass.ts";
import { projectMaxNorm } from "./project-max-norm.ts";
import { pruneMagnitude } from "./prune-magnitude.ts";
import { pruneVariationalDropout } from "./prune-variational-dropout.ts";
import { recalibrateBatchNorm } from "./recalibrate-batch-norm.ts";
import { removeWeightNorm } from "./remove-weight-norm.ts";
import { rescaleDropout } from "./rescale-dropout.ts";
import { stripDropout } from "./strip-dropout.ts";
import { switchDropoutToInference } from "./switch-dropout-to-inference.ts";
import { switchToInference } from "./switch-to-inference.ts";

/** Every transformation, in the order in which menus show them. */
export const PASSES: readonly Pass[] = [
  foldBatchNorm,
  batchNormToAffine,
  switchToInference,
  mergeNormalizationAffine,
  dropRedundantBias,
  insertWhitening,
  insertBatchNorm,
  recalibrateBatchNorm,
  insertDropout,
  stripDropout,
  switchDropoutToInference,
  rescaleDropout,
  insertVariationalDropout,
  pruneVariationalDropout,
  insertMeanOnlyBatchNorm,
  foldMeanOnlyBatchNorm,
  applyWeightNorm,
  removeWeightNorm,
  projectMaxNorm,
  pruneMagnitude,
];

/** @throws InputError with the known ids. */
export function findPass(id: string): Pass {
  const pass = PASSES.find((each) => each.id === id);
  if (pass === undefined) {
    const known = PASSES.map((each) => each.id).join(", ");
    throw new InputError(`pass ${id} does not exist; the passes are: ${known}`);
  }
  return pass;
}
