import type { Loss } from "./loss.ts";
import { addMean, measureTerms } from "./mean.ts";
import { numberTargets } from "./number-targets.ts";

/** L = mean|y − t| over batch and outputs, n in all;  ∂L/∂y = sign(y − t)/n with sign(0) = 0. */
export const meanAbsoluteError: Loss = {
  absorbs: [],
  targetKind: "numbers",
  accuracy: false,
  targets: (dataset, output) => numberTargets(dataset, output, "mean-absolute-error"),
  add: (builder, inputs) => {
    const difference = builder.add("Sub", [inputs.output, inputs.target]);
    return addMean(builder, inputs, {
      terms: builder.add("Abs", [difference]),
      slope: builder.add("Sign", [difference]),
      stem: "mean_absolute_error",
    });
  },
  measure: (output, target) => measureTerms(output, target, Math.abs),
};
