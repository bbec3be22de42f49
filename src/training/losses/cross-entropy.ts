import type { Dataset, Targets } from "../../data/dataset.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import { InputError } from "../../graph/input-error.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import { reshape } from "../../operators/emit.ts";
import { largest, logSoftmax } from "./logits.ts";
import type { AddedLoss, Loss, LossInputs, LossSettings, ModelOutput } from "./loss.ts";
import { distributionTargets, requireClasses } from "./number-targets.ts";

const NAME = "cross-entropy";

/**
 * With p = softmax(z), a target distribution q over C classes and class weights c (1 without):
 *
 *   L = −1/N · Σᵢ Σₖ cₖ·qᵢₖ·log pᵢₖ,   ∂L/∂zᵢ = (pᵢ·Σₖ cₖ·qᵢₖ − c∘qᵢ)/N
 *
 * Label smoothing ε makes q ← (1 − ε)·q + ε/C (C. Szegedy et al., "Rethinking the Inception
 * Architecture", 2016, section 7). N is Σᵢ c of the labels, or the batch size where the targets are
 * probabilities: PyTorch's cross_entropy with reduction "mean".
 *
 * The logarithm of softmax is computed with the maximum taken out, so large logits do not overflow.
 * Logits of shape [B, C, 1, …] count as [B, C].
 */
export const crossEntropy: Loss = {
  absorbs: ["Softmax", "LogSoftmax"],
  targetKind: "classes",
  accuracy: true,
  targets: classesOrProbabilities,
  add: (builder, inputs) =>
    isPlain(inputs.settings) ? addPlain(builder, inputs) : addWeighted(builder, inputs),
  measure: (output, target, { classWeights }) => {
    const logProbability = logSoftmax(output);
    const weight = (label: number) => classWeights?.[label] ?? 1;
    const guess = largest(output);
    if (target.kind === "classes") {
      const { label } = target;
      const sum = -weight(label) * (logProbability[label] as number);
      return { sum, weight: weight(label), right: guess === label ? 1 : 0, answers: 1 };
    }
    const sum = target.values.reduce(
      (total, share, label) => total - weight(label) * share * (logProbability[label] as number),
      0,
    );
    return { sum, weight: 1, right: guess === largest(target.values) ? 1 : 0, answers: 1 };
  },
};

function isPlain({ targets, labelSmoothing, classWeights }: LossSettings): boolean {
  return targets === "classes" && labelSmoothing === 0 && classWeights === undefined;
}

function classesOrProbabilities(dataset: Dataset, output: ModelOutput): Targets {
  const { targets, name } = dataset;
  requireClasses(output, NAME);
  const classes = output.shape[1] ?? 0;
  if (targets?.kind === "numbers" && targets.shape.length > 0) {
    return distributionTargets(dataset, output, NAME);
  }
  if (targets?.kind !== "classes") {
    throw new InputError(`data ${name}: its targets are numbers; cross-entropy needs classes`);
  }
  const bad = targets.labels.findIndex((label) => label >= classes);
  if (bad >= 0) {
    throw new InputError(
      `data ${name}: sample ${bad} has label ${targets.classNames[targets.labels[bad] ?? 0]}, number ${(targets.labels[bad] ?? 0) + 1} of ${targets.classNames.length} classes, but output ${output.name} has ${classes}`,
    );
  }
  return targets;
}

/** Labels that all count the same: the fused operator. */
function addPlain(builder: GraphBuilder, inputs: LossInputs): AddedLoss {
  const { target, shape } = inputs;
  const [batch = 1] = shape;
  const [loss, logProbability] = builder.addMany(
    "SoftmaxCrossEntropyLoss",
    [flatLogits(builder, inputs), target],
    2,
    { attributes: { reduction: { string: "mean" } }, stem: "cross_entropy" },
  ) as [string, string];
  const probability = builder.add("Exp", [logProbability]);
  const difference = builder.add("Sub", [probability, oneHot(builder, inputs, 0, 1)]);
  const gradient = builder.add("Mul", [difference, builder.scalar(1 / batch)]);
  return { loss, gradient: inOutputShape(builder, gradient, shape) };
}

function addWeighted(builder: GraphBuilder, inputs: LossInputs): AddedLoss {
  const { settings, shape } = inputs;
  const smoothed = targetDistribution(builder, inputs);
  const weights = settings.classWeights;
  const weightValue =
    weights === undefined
      ? undefined
      : builder.addInitializer(
          float32Tensor(builder.freshName("class_weights"), [weights.length], [...weights]),
        );
  const share = weightValue === undefined ? smoothed : builder.add("Mul", [smoothed, weightValue]);
  const logProbability = builder.add("LogSoftmax", [flatLogits(builder, inputs)], {
    attributes: { axis: { int: 1 } },
  });
  const terms = builder.add("Mul", [share, logProbability]);
  const total = builder.add("ReduceSum", [terms], { attributes: { keepdims: { int: 0 } } });
  const count = batchWeight(builder, inputs, weightValue);
  const loss = builder.add("Neg", [builder.add("Div", [total, count])], { stem: "cross_entropy" });
  const shareSum = builder.add("ReduceSum", [share, builder.ints([1])]);
  const expected = builder.add("Mul", [builder.add("Exp", [logProbability]), shareSum]);
  const gradient = builder.add("Div", [builder.add("Sub", [expected, share]), count]);
  return { loss, gradient: inOutputShape(builder, gradient, shape) };
}

/** q ← (1 − ε)·q + ε/C, of shape [B, C]. */
function targetDistribution(builder: GraphBuilder, inputs: LossInputs): string {
  const { shape, settings, target } = inputs;
  const [batch = 1, classes = 1] = shape;
  const smoothing = settings.labelSmoothing;
  const off = smoothing / classes;
  if (settings.targets === "classes") return oneHot(builder, inputs, off, 1 - smoothing + off);
  const flat = shape.length === 2 ? target : reshape(builder, target, [batch, classes]);
  if (smoothing === 0) return flat;
  const kept = builder.add("Mul", [flat, builder.scalar(1 - smoothing)]);
  return builder.add("Add", [kept, builder.scalar(off)]);
}

/** N: the batch's size, or the sum of its labels' weights. */
function batchWeight(
  builder: GraphBuilder,
  { settings, target, shape }: LossInputs,
  weights: string | undefined,
): string {
  if (weights === undefined || settings.targets === "numbers") return builder.scalar(shape[0] ?? 1);
  const ofLabels = builder.add("Gather", [weights, target]);
  return builder.add("ReduceSum", [ofLabels], { attributes: { keepdims: { int: 0 } } });
}

function oneHot(builder: GraphBuilder, inputs: LossInputs, off: number, on: number): string {
  const name = builder.freshName("off_and_on");
  const values = builder.addInitializer(float32Tensor(name, [2], [off, on]));
  return builder.add("OneHot", [inputs.target, builder.ints([inputs.shape[1] ?? 1]), values], {
    attributes: { axis: { int: -1 } },
  });
}

function flatLogits(builder: GraphBuilder, { output, shape }: LossInputs): string {
  const [batch = 1, classes = 1] = shape;
  return shape.length === 2 ? output : reshape(builder, output, [batch, classes]);
}

function inOutputShape(builder: GraphBuilder, gradient: string, shape: readonly number[]): string {
  return shape.length === 2 ? gradient : reshape(builder, gradient, shape);
}
