import { type DataWarningRule, listed, shortNumber } from "./warning-rule.ts";

/** Channels and features that are the same in every training sample: they tell a model nothing. */
export const constantFeature: DataWarningRule = {
  id: "constant-feature",
  find: ({ groups, moments, split }) => {
    if (groups.kind === "whole" || split.train.length < 2) return [];
    const constant = moments.train.flatMap(({ count, finite, min, max }, group) =>
      count === finite && min === max ? [`${groups.name(group)} (${shortNumber(min)})`] : [],
    );
    if (constant.length === 0) return [];
    const subject =
      constant.length === 1
        ? `The ${groups.kind} ${constant[0]} is`
        : `${constant.length} of ${groups.count} ${groups.kind}s are`;
    const names = constant.length === 1 ? "" : `: ${listed(constant)}`;
    return [
      { count: constant.length, message: `${subject} the same in all training samples${names}.` },
    ];
  },
};
