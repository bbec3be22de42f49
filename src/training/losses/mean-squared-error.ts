import { elementCount } from "../../graph/tensor.ts";
import type { Loss } from "./loss.ts";
import { measureTerms } from "./mean.ts";
import { numberTargets } from "./number-targets.ts";

/** L = mean((y − t)²) over batch and outputs, n in all;  ∂L/∂y = 2·(y − t)/n. */
export const meanSquaredError: Loss = {
  absorbs: [],
  targetKind: "numbers",
  accuracy: false,
  targets: (dataset, output) => numberTargets(dataset, output, "mean-squared-error"),
  add: (builder, { output, shape, target }) => {
    const difference = builder.add("Sub", [output, target]);
    const square = builder.add("Mul", [difference, difference]);
    const loss = builder.add("ReduceMean", [square], {
      attributes: { keepdims: { int: 0 } },
      stem: "mean_squared_error",
    });
    const factor = builder.scalar(2 / elementCount(shape));
    return { loss, gradient: builder.add("Mul", [difference, factor]) };
  },
  measure: (output, target) => measureTerms(output, target, (difference) => difference ** 2),
};
