import { type DataWarningRule, listed } from "./warning-rule.ts";

/** Fewer training samples of a class say little about it. */
const FEW = 10;

/** Classes with very few training samples; those without any are missing-class's. */
export const smallClass: DataWarningRule = {
  id: "small-class",
  find: ({ dataset: { targets }, classCounts }) => {
    if (targets?.kind !== "classes") return [];
    const small = targets.classNames.flatMap((name, label) => {
      const count = classCounts.train[label] as number;
      return count > 0 && count < FEW ? [`${name} (${count})`] : [];
    });
    if (small.length === 0) return [];
    const subject = small.length === 1 ? "1 class has" : `${small.length} classes have`;
    return [
      {
        count: small.length,
        message: `${subject} fewer than ${FEW} training samples: ${listed(small)}.`,
      },
    ];
  },
};
