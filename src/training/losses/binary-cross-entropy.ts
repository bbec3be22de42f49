import type { Dataset, Targets } from "../../data/dataset.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import { InputError } from "../../graph/input-error.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { Loss, LossInputs, ModelOutput } from "./loss.ts";
import { addMean } from "./mean.ts";
import { numberTargets } from "./number-targets.ts";

const NAME = "binary-cross-entropy";

/**
 * With p = σ(z) of each of n logits and t the target in [0, 1]:
 *
 *   L = −mean(t·log p + (1 − t)·log(1 − p)) = mean(softplus(z) − t·z),   ∂L/∂z = (σ(z) − t)/n
 *
 * softplus(z) = max(z, 0) + log(1 + exp(−|z|)) neither overflows nor takes the logarithm of 0:
 * PyTorch's binary_cross_entropy_with_logits. Label smoothing ε makes t ← (1 − ε)·t + ε/2.
 *
 * A model that does not end in Sigmoid is taken to put out logits. An answer is right where p ≥ 0.5,
 * that is z ≥ 0, agrees with t ≥ 0.5; with several outputs each counts.
 */
export const binaryCrossEntropy: Loss = {
  absorbs: ["Sigmoid"],
  targetKind: undefined,
  accuracy: true,
  targets: zeroToOne,
  add: (builder, inputs) => {
    const { output } = inputs;
    const target = smoothedTarget(builder, inputs);
    const softplus = builder.add("Softplus", [output]);
    const product = builder.add("Mul", [target, output]);
    const probability = builder.add("Sigmoid", [output]);
    return addMean(builder, inputs, {
      terms: builder.add("Sub", [softplus, product]),
      slope: builder.add("Sub", [probability, target]),
      stem: "binary_cross_entropy",
    });
  },
  measure: (output, target) => {
    const values = target.kind === "numbers" ? target.values : [target.label];
    let sum = 0;
    let right = 0;
    for (const [index, logit] of output.entries()) {
      const wanted = values[index] as number;
      sum += Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit))) - wanted * logit;
      if (logit >= 0 === wanted >= 0.5) right++;
    }
    return { sum, weight: output.length, right, answers: output.length };
  },
};

/** Two classes become 0 and 1 in the order of their names; numbers must lie in [0, 1]. */
function zeroToOne(dataset: Dataset, output: ModelOutput): Targets {
  const { targets, name } = dataset;
  if (targets?.kind === "classes") {
    const outputs = elementCount(output.shape.slice(1));
    if (targets.classNames.length > 2 || outputs !== 1) {
      throw new InputError(
        `data ${name}: has ${targets.classNames.length} classes and output ${output.name} ${outputs} numbers a sample; ${NAME} needs two classes and one number`,
      );
    }
    return { kind: "numbers", values: Float32Array.from(targets.labels), shape: [] };
  }
  const numbers = numberTargets(dataset, output, NAME);
  const bad = numbers.values.findIndex((value) => value < 0 || value > 1);
  if (bad >= 0) {
    const sample = Math.floor(bad / elementCount(numbers.shape));
    throw new InputError(
      `data ${name}: the target of sample ${sample} is ${numbers.values[bad]}; ${NAME} needs numbers from 0 to 1`,
    );
  }
  return numbers;
}

function smoothedTarget(builder: GraphBuilder, { target, settings }: LossInputs): string {
  const smoothing = settings.labelSmoothing;
  if (smoothing === 0) return target;
  const kept = builder.add("Mul", [target, builder.scalar(1 - smoothing)]);
  return builder.add("Add", [kept, builder.scalar(smoothing / 2)]);
}
