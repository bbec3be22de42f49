import type { Loss } from "./loss.ts";
import { addMean, measureTerms } from "./mean.ts";
import { numberTargets } from "./number-targets.ts";

/**
 * P. Huber, "Robust Estimation of a Location Parameter" (1964), in PyTorch's form. With d = y − t
 * and c = min(max(d, −δ), δ), over batch and outputs, n in all:
 *
 *   L = mean(½·d² where |d| ≤ δ, δ·(|d| − ½·δ) elsewhere) = mean(c·(d − ½·c)),   ∂L/∂y = c/n
 */
export const huber: Loss = {
  absorbs: [],
  targetKind: "numbers",
  accuracy: false,
  targets: (dataset, output) => numberTargets(dataset, output, "huber"),
  add: (builder, inputs) => {
    const { delta } = inputs.settings;
    const difference = builder.add("Sub", [inputs.output, inputs.target]);
    const bounds = [builder.scalar(-delta), builder.scalar(delta)];
    const slope = builder.add("Clip", [difference, ...bounds]);
    const half = builder.add("Mul", [slope, builder.scalar(0.5)]);
    const terms = builder.add("Mul", [slope, builder.add("Sub", [difference, half])]);
    return addMean(builder, inputs, { terms, slope, stem: "huber" });
  },
  measure: (output, target, { delta }) =>
    measureTerms(output, target, (difference) => {
      const clipped = Math.min(Math.max(difference, -delta), delta);
      return clipped * (difference - clipped / 2);
    }),
};
