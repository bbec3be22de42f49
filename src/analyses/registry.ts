import { InputError } from "../graph/input-error.ts";
import { activationHealth } from "./activation-health.ts";
import type { Analysis } from "./analysis.ts";
import { batchNormShift } from "./batch-norm-shift.ts";
import { dropoutL2Equivalence } from "./dropout-l2-equivalence.ts";
import { monteCarloDropout } from "./monte-carlo-dropout.ts";
import { scaleRobustness } from "./scale-robustness.ts";
import { weightPenalty } from "./weight-penalty.ts";

/** Every analysis, in the order in which menus show them. */
export const ANALYSES: readonly Analysis[] = [
  batchNormShift,
  monteCarloDropout,
  dropoutL2Equivalence,
  weightPenalty,
  scaleRobustness,
  activationHealth,
];

/** @throws InputError with the known ids. */
export function findAnalysis(id: string): Analysis {
  const analysis = ANALYSES.find((each) => each.id === id);
  if (analysis === undefined) {
    const known = ANALYSES.map((each) => each.id).join(", ");
    throw new InputError(`analysis ${id} does not exist; the analyses are: ${known}`);
  }
  return analysis;
}
