import { PARTS } from "../examination/examined-data.ts";
import type { DataWarningRule } from "./warning-rule.ts";

/** Parts without a sample: nothing is trained on, validated, or tested. */
export const emptyPart: DataWarningRule = {
  id: "empty-part",
  find: ({ split }) =>
    PARTS.filter((part) => split[part].length === 0).map((part) => ({
      count: 1,
      message: `The ${part === "train" ? "training" : part} part has no samples.`,
    })),
};
