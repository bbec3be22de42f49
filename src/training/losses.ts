import type { TargetKind } from "../data/dataset.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { float32Tensor } from "../graph/tensor.ts";
import type { TrainingConfig } from "../protocol/training.ts";

export type LossKind = TrainingConfig["loss"];

/** What a loss adds to the step graph. */
export interface AddedLoss {
  /** Scalar: the mean over the batch. */
  readonly loss: string;
  /** Gradient of the loss for the value it is taken of, of the same shape. */
  readonly gradient: string;
}

export interface LossInputs {
  /** The model's output (for cross-entropy the logits) in the step graph. */
  readonly output: string;
  readonly shape: readonly number[];
  /** Cross-entropy: int64 labels [batch]; mean squared error: numbers of the output's shape. */
  readonly target: string;
}

export const LOSSES: Readonly<
  Record<LossKind, (builder: GraphBuilder, inputs: LossInputs) => AddedLoss>
> = {
  "cross-entropy": addCrossEntropy,
  "mean-squared-error": addMeanSquaredError,
};

/**
 * L = −1/B·Σ log softmax(z)[label];  ∂L/∂z = (softmax(z) − onehot(label))/B.
 *
 * The operator computes log softmax with the maximum taken out, so large logits do not overflow.
 * Logits of shape [B, C, 1, …] count as [B, C].
 */
function addCrossEntropy(builder: GraphBuilder, { output, shape, target }: LossInputs): AddedLoss {
  const [batch = 1, classes = 1] = shape;
  const flat = shape.length === 2;
  const logits = flat ? output : builder.add("Reshape", [output, builder.ints([batch, classes])]);
  const [loss, logProbability] = builder.addMany("SoftmaxCrossEntropyLoss", [logits, target], 2, {
    attributes: { reduction: { string: "mean" } },
    stem: "cross_entropy",
  }) as [string, string];
  const probability = builder.add("Exp", [logProbability]);
  const offAndOn = builder.addInitializer(
    float32Tensor(builder.freshName("off_and_on"), [2], [0, 1]),
  );
  const oneHot = builder.add("OneHot", [target, builder.ints([classes]), offAndOn], {
    attributes: { axis: { int: -1 } },
  });
  const difference = builder.add("Sub", [probability, oneHot]);
  const gradient = builder.add("Mul", [difference, builder.scalar(1 / batch)]);
  return {
    loss,
    gradient: flat ? gradient : builder.add("Reshape", [gradient, builder.ints(shape)]),
  };
}

/** L = mean((y − t)²) over batch and outputs;  ∂L/∂y = 2·(y − t)/n. */
function addMeanSquaredError(builder: GraphBuilder, inputs: LossInputs): AddedLoss {
  const { output, shape, target } = inputs;
  const count = shape.reduce((product, size) => product * size, 1);
  const difference = builder.add("Sub", [output, target]);
  const square = builder.add("Mul", [difference, difference]);
  const loss = builder.add("ReduceMean", [square], {
    attributes: { keepdims: { int: 0 } },
    stem: "mean_squared_error",
  });
  return { loss, gradient: builder.add("Mul", [difference, builder.scalar(2 / count)]) };
}

/** How a loss takes its targets. */
export function targetKind(loss: LossKind): TargetKind {
  return loss === "cross-entropy" ? "classes" : "numbers";
}
