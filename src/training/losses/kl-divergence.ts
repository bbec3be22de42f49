import type { NumberTargets } from "../../data/dataset.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { largest, logSoftmax } from "./logits.ts";
import type { Loss } from "./loss.ts";
import { distributionTargets, requireClasses } from "./number-targets.ts";

const NAME = "kl-divergence";

/**
 * The Kullback-Leibler divergence of p = softmax(z) from a target distribution t over classes:
 *
 *   L = 1/B · Σᵢ Σₖ tᵢₖ·(log tᵢₖ − log pᵢₖ),   ∂L/∂zᵢ = (pᵢ·Σₖ tᵢₖ − tᵢ)/B,   0·log 0 = 0
 *
 * PyTorch's kl_div of log-probabilities with reduction "batchmean". It is the cross-entropy less the
 * entropy of the targets, which no weight changes. An answer is right where p and t are largest at
 * the same class.
 */
export const klDivergence: Loss = {
  absorbs: ["Softmax", "LogSoftmax"],
  targetKind: "numbers",
  accuracy: true,
  targets: (dataset, output): NumberTargets => {
    requireClasses(output, NAME);
    return distributionTargets(dataset, output, NAME);
  },
  add: (builder, inputs) => {
    const { shape, target } = inputs;
    const { loss, gradient } = crossEntropy.add(builder, inputs);
    // The smallest normal float32 takes log 0 to a finite number, which 0 then multiplies to 0.
    const positive = builder.add("Max", [target, builder.scalar(2 ** -126)]);
    const terms = builder.add("Mul", [target, builder.add("Log", [positive])]);
    const sum = builder.add("ReduceSum", [terms], { attributes: { keepdims: { int: 0 } } });
    const negativeEntropy = builder.add("Mul", [sum, builder.scalar(1 / (shape[0] ?? 1))]);
    return { loss: builder.add("Add", [loss, negativeEntropy], { stem: "divergence" }), gradient };
  },
  measure: (output, target) => {
    if (target.kind !== "numbers") throw new Error(`${NAME}: the targets are no distributions`);
    const logProbability = logSoftmax(output);
    const sum = target.values.reduce(
      (total, share, label) =>
        share === 0 ? total : total + share * (Math.log(share) - (logProbability[label] as number)),
      0,
    );
    const right = largest(output) === largest(target.values) ? 1 : 0;
    return { sum, weight: 1, right, answers: 1 };
  },
};
