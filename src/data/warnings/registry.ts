import { constantFeature } from "./constant-feature.ts";
import { contradiction } from "./contradiction.ts";
import { emptyPart } from "./empty-part.ts";
import { leakage } from "./leakage.ts";
import { missingClass } from "./missing-class.ts";
import { notFinite } from "./not-finite.ts";
import { smallClass } from "./small-class.ts";
import { unlikeModel } from "./unlike-model.ts";
import { unscaledValues } from "./unscaled-values.ts";
import type { DataWarningRule } from "./warning-rule.ts";

/** In the order they are told. */
export const DATA_WARNINGS: readonly DataWarningRule[] = [
  notFinite,
  leakage,
  contradiction,
  emptyPart,
  missingClass,
  smallClass,
  constantFeature,
  unlikeModel,
  unscaledValues,
];
