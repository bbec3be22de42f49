import { floatAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { elementCount } from "../graph/tensor.ts";
import { addNode, multiply, reshape, scale, sumPerChannel } from "./emit.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  ShapeRule,
  TrainingForwardContext,
  TrainingForwardRule,
} from "./operator.ts";

/*
 * BatchNormalization (Ioffe & Szegedy 2015): over every axis but the channels, of M values each,
 *
 *   μ = mean(x), σ² = mean((x − μ)²), inv = 1/√(σ² + ε), y = γ·(x − μ)·inv + β
 *
 * The running statistics that inference uses live in the model as inputs 3 and 4.
 */

const DEFAULT_EPSILON = 1e-5;
const [SCALE, SHIFT, MEAN, VARIANCE] = [1, 2, 3, 4] as const;

const batchNormShape: ShapeRule = (context) => {
  const statistics = context.input(MEAN);
  return [context.input(0), ...context.node.output.slice(1).map(() => statistics)];
};

/**
 * Training takes the batch's own statistics from the fused operator: with momentum 0 its "running"
 * outputs are the batch mean and the population variance (two-pass, so it keeps its digits when
 * the mean is far from 0). We update the running statistics ourselves, because the frameworks
 * disagree with ONNX about direction and variance.
 */
const batchNormForward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs } = context;
  const [y = ""] = outputs;
  const epsilon = { float: floatAttribute(context.node, "epsilon", DEFAULT_EPSILON) };
  if (context.options.mode === "inference") {
    context.save("mean", inputs[MEAN] ?? "");
    context.save("variance", inputs[VARIANCE] ?? "");
    addNode(builder, "BatchNormalization", inputs, [y], { epsilon });
    return;
  }
  const mean = builder.freshName(`${y}_batch_mean`);
  const variance = builder.freshName(`${y}_batch_variance`);
  const own = inputs.slice(0, MEAN);
  const scratch = [scratchOf(builder, inputs), scratchOf(builder, inputs)];
  addNode(builder, "BatchNormalization", [...own, ...scratch], [y, mean, variance], {
    epsilon,
    momentum: { float: 0 },
    training_mode: { int: 1 },
  });
  context.save("mean", mean);
  context.save("variance", variance);
  updateRunningStatistics(context, mean, variance);
};

/**
 * A value of the statistics' shape for the operator to overwrite. ONNX Runtime puts outputs 1 and 2
 * into the memory of inputs 3 and 4 whoever else reads them, even into tensors that are fed; with
 * momentum 0 the numbers do not matter. The factor differs from node to node, so that equal
 * expressions are not merged into one value again.
 */
function scratchOf(builder: GraphBuilder, inputs: readonly string[]): string {
  return scale(builder, inputs[SCALE] ?? "", builder.nodes.length + 2);
}

/** running ← (1 − momentum)·running + momentum·batch; unbiased multiplies the variance by M/(M − 1). */
function updateRunningStatistics(
  context: TrainingForwardContext,
  mean: string,
  variance: string,
): void {
  const { builder, options } = context;
  const own = options.batchNormOf?.(context.node);
  const momentum = own?.momentum ?? options.batchNormMomentum;
  const count = valuesPerChannel(context.inputShape(0));
  // A single value has no unbiased variance; its own, 0, stands in.
  const divisor = own?.runningVariance ?? options.runningVariance;
  const unbiased = divisor === "unbiased" && count > 1;
  const update = (input: number, batch: string, weight: number) =>
    context.updateState(input, (current) => {
      const kept = scale(builder, current, 1 - momentum);
      const next = builder.add("Add", [kept, scale(builder, batch, weight)]);
      // A model exported in training mode has the running statistics as outputs 1 and 2.
      const output = context.outputs[input - 2] ?? "";
      if (output !== "") addNode(builder, "Identity", [next], [output]);
      return next;
    });
  update(MEAN, mean, momentum);
  update(VARIANCE, variance, unbiased ? (momentum * count) / (count - 1) : momentum);
}

/**
 * The chain ∂ℓ/∂x̂, ∂ℓ/∂σ², ∂ℓ/∂μ, ∂ℓ/∂x of the paper, collected. With A = γ·inv, x_c = x − μ,
 * S1 = Σ ∂ℓ/∂y and S2 = Σ ∂ℓ/∂y·x_c:
 *
 *   ∂ℓ/∂x = A·∂ℓ/∂y − (A·inv²·S2/M)·x_c − A·S1/M,   ∂ℓ/∂γ = S2·inv,   ∂ℓ/∂β = S1
 *
 * With stored statistics (inference) nothing flows through μ and σ²: ∂ℓ/∂x = A·∂ℓ/∂y.
 */
const batchNormGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const shape = context.inputShape(0);
  const [mean, inverse] = [context.saved("mean"), inverseDeviation(context)];
  const training = context.mode === "training";
  const perChannel = (value: string) => alongChannels(builder, value, shape);
  const gain = multiply(builder, inputs[SCALE] ?? "", inverse);

  const wantsInput = context.needs(0);
  const needsSums = context.needs(SCALE) || (wantsInput && training);
  const sum =
    needsSums || context.needs(SHIFT) ? sumPerChannel(builder, gradient, shape) : undefined;
  const centred = needsSums ? builder.add("Sub", [inputs[0] ?? "", perChannel(mean)]) : undefined;
  const product =
    centred === undefined
      ? undefined
      : sumPerChannel(builder, multiply(builder, gradient, centred), shape);

  const throughStatistics = () => {
    if (!training || centred === undefined || product === undefined || sum === undefined) return [];
    const count = valuesPerChannel(shape);
    const squared = multiply(builder, inverse, inverse);
    const slope = multiply(builder, multiply(builder, gain, squared), product);
    return [
      multiply(builder, centred, perChannel(scale(builder, slope, -1 / count))),
      perChannel(scale(builder, multiply(builder, gain, sum), -1 / count)),
    ];
  };
  const inputGradient = () =>
    throughStatistics().reduce(
      (total, part) => builder.add("Add", [total, part]),
      multiply(builder, gradient, perChannel(gain)),
    );
  return [
    wantsInput ? inputGradient() : undefined,
    context.needs(SCALE) && product !== undefined ? multiply(builder, product, inverse) : undefined,
    context.needs(SHIFT) ? sum : undefined,
  ];
};

function inverseDeviation(context: GradientContext): string {
  const { builder } = context;
  const epsilon = builder.scalar(floatAttribute(context.node, "epsilon", DEFAULT_EPSILON));
  const shifted = builder.add("Add", [context.saved("variance"), epsilon]);
  return builder.add("Reciprocal", [builder.add("Sqrt", [shifted])]);
}

/**
 * Images up to this many positions. A value per channel is stretched over them once, because ONNX
 * Runtime broadcasts along a few positions one short row at a time: ten times slower at 2×2.
 */
const SHORT_ROW = 64;

/** (C) as (C, 1, …), so that it broadcasts over the spatial axes, or as (C, H, …) where those are few. */
function alongChannels(builder: GraphBuilder, value: string, shape: readonly number[]): string {
  if (shape.length === 2) return value;
  const [, channels = 1, ...sizes] = shape;
  const column = reshape(builder, value, [channels, ...sizes.map(() => 1)]);
  const positions = elementCount(sizes);
  if (positions === 1 || positions > SHORT_ROW) return column;
  return builder.add("Expand", [column, builder.ints([channels, ...sizes])]);
}

/** M = batch × spatial positions. */
function valuesPerChannel(shape: readonly number[]): number {
  return elementCount(shape) / (shape[1] ?? 1);
}

export const batchNormalizationRules: readonly OperatorRule[] = [
  {
    opType: "BatchNormalization",
    inferShapes: batchNormShape,
    trainingForward: batchNormForward,
    gradient: batchNormGradient,
  },
];
