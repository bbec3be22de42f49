import type { TrainingConfig } from "../../protocol/training.ts";
import { binaryCrossEntropy } from "./binary-cross-entropy.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { huber } from "./huber.ts";
import { klDivergence } from "./kl-divergence.ts";
import type { Loss } from "./loss.ts";
import { meanAbsoluteError } from "./mean-absolute-error.ts";
import { meanSquaredError } from "./mean-squared-error.ts";

export type LossKind = TrainingConfig["loss"];

/** Adding a loss is adding its file and its line. */
export const LOSSES: Readonly<Record<LossKind, Loss>> = {
  "cross-entropy": crossEntropy,
  "binary-cross-entropy": binaryCrossEntropy,
  "mean-squared-error": meanSquaredError,
  "mean-absolute-error": meanAbsoluteError,
  huber,
  "kl-divergence": klDivergence,
};
