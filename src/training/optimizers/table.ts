import type { OptimizerConfig } from "../../protocol/training.ts";
import { adagrad } from "./adagrad.ts";
import { adam } from "./adam.ts";
import { adamw } from "./adamw.ts";
import { lamb } from "./lamb.ts";
import type { Optimizer } from "./optimizer.ts";
import { rmsprop } from "./rmsprop.ts";
import { sgd } from "./sgd.ts";

/** Adding an optimizer is adding its file and its line. */
export const OPTIMIZERS: Readonly<Record<OptimizerConfig["kind"], Optimizer>> = {
  sgd,
  rmsprop,
  adagrad,
  adam,
  adamw,
  lamb,
};
