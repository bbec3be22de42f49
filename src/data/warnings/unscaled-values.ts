import { type Moments, standardDeviation } from "../../statistics/moments.ts";
import { type DataWarningRule, listed, shortNumber } from "./warning-rule.ts";

/**
 * Networks start with weights for inputs of mean 0 and deviation 1 (Glorot and Bengio 2010, He et al. 2015);
 * so many times as much saturates or dominates from the first step.
 */
const FAR = 10;

/** Numbers as files have them, 0 … 255 or in units of their own, that nothing brings nearer to 0 … 1. */
export const unscaledValues: DataWarningRule = {
  id: "unscaled-values",
  find: ({ moments, groups, isScaled, model }) => {
    if (isScaled || model?.scalesInputs === true || model?.shift !== undefined) return [];
    const far = moments.train.flatMap((each, group) =>
      Math.abs(each.mean) > FAR || standardDeviation(each) > FAR
        ? [groups.kind === "whole" ? described(each) : `${groups.name(group)} (${described(each)})`]
        : [],
    );
    if (far.length === 0) return [];
    const what =
      groups.kind === "whole"
        ? "The numbers are"
        : `${far.length} of ${groups.count} ${groups.kind}s ${far.length === 1 ? "is" : "are"}`;
    return [
      {
        count: far.length,
        message: `${what} far from mean 0 and deviation 1, and inputScaling is none: ${listed(far)}.`,
      },
    ];
  },
};

function described(moments: Moments): string {
  const { min, max, mean } = moments;
  const deviation = standardDeviation(moments);
  return `${shortNumber(min)} … ${shortNumber(max)}, mean ${shortNumber(mean)}, deviation ${shortNumber(deviation)}`;
}
