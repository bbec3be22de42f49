import { type DataWarningRule, shortNumber } from "./warning-rule.ts";

/** Stored standard deviations between the means, and the factor between the variances, from which data are unlike. */
const FAR_MEAN = 3;
const FAR_FACTOR = 10;

/** Samples far from those that the model's first BatchNorm has its statistics of. */
export const unlikeModel: DataWarningRule = {
  id: "unlike-model",
  find: ({ model }) => {
    if (model?.notCompared !== undefined) {
      const message = `The model's first BatchNorm could not be compared with the data: ${model.notCompared}`;
      return [{ count: 1, message }];
    }
    const shift = model?.shift;
    if (shift === undefined) return [];
    const isFar =
      !(shift.meanShift <= FAR_MEAN) || !(Math.abs(shift.logVarianceRatio) <= Math.log(FAR_FACTOR));
    if (!isFar) return [];
    const { stored, measured } = shift;
    const pair = (of: { readonly mean: number; readonly variance: number }) =>
      `mean ${shortNumber(of.mean)} and variance ${shortNumber(of.variance)}`;
    return [
      {
        count: 1,
        message: `The data are unlike what the model has seen: channel ${shift.channel} of its first BatchNorm ${shift.batchNorm} has stored ${pair(stored)}, but training samples give ${pair(measured)}.`,
      },
    ];
  },
};
