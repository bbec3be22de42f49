import { sampleName } from "../dataset.ts";
import { PARTS } from "../examination/examined-data.ts";
import { counted, type DataWarningRule } from "./warning-rule.ts";

/** NaN and infinities, which training refuses. */
export const notFinite: DataWarningRule = {
  id: "not-finite",
  find: ({ dataset, moments, firstNotFinite }) => {
    const all = PARTS.flatMap((part) => moments[part]);
    const nan = all.reduce((sum, each) => sum + each.nan, 0);
    const inf = all.reduce((sum, each) => sum + each.inf, 0);
    const warnings: { readonly count: number; readonly message: string }[] = [];
    if (firstNotFinite !== undefined) {
      warnings.push({
        count: nan + inf,
        message: `${counted(nan, "number is", "numbers are")} NaN and ${inf} infinite, the first in ${sampleName(dataset, firstNotFinite)}; training needs finite numbers.`,
      });
    }
    if (dataset.targets?.kind !== "numbers") return warnings;
    const bad = dataset.targets.values.reduce(
      (sum, value) => sum + (Number.isFinite(value) ? 0 : 1),
      0,
    );
    if (bad > 0) {
      const message = `${counted(bad, "target is", "targets are")} NaN or infinite; training needs finite numbers.`;
      warnings.push({ count: bad, message });
    }
    return warnings;
  },
};
