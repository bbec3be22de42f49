import { PARTS } from "../examination/examined-data.ts";
import { counted, type DataWarningRule, listed } from "./warning-rule.ts";

/** Classes that a part has no sample of: they are not learned, or not measured. */
export const missingClass: DataWarningRule = {
  id: "missing-class",
  find: ({ dataset: { targets }, split, classCounts }) => {
    if (targets?.kind !== "classes") return [];
    return PARTS.filter((part) => split[part].length > 0).flatMap((part) => {
      const missing = targets.classNames.filter((_, label) => classCounts[part][label] === 0);
      if (missing.length === 0) return [];
      const where = part === "train" ? "training" : part;
      const what = counted(missing.length, "class", "classes");
      return [
        {
          count: missing.length,
          message: `The ${where} part has no sample of ${what}: ${listed(missing)}.`,
        },
      ];
    });
  },
};
