import { InputError } from "../graph/input-error.ts";
import { addNode, copyNode, meanOver, reshape, scale } from "./emit.ts";
import type { GradientRule, TrainingForwardContext, TrainingForwardRule } from "./operator.ts";
import type { RoleRule } from "./role-rules.ts";
import { rangeOf } from "./shape-algebra.ts";

/*
 * Mean-only batch normalization (Salimans and Kingma, "Weight Normalization", 2016, section 4, eq.
 * 9 and 10): over every axis but the channels, of M values each,
 *
 *   t = w·x,   t̃ = t − μ[t] + b,   ∇t L = ∇t̃ L − μ[∇t̃ L]
 *
 * The node is the subtraction of μ; b is the Add behind it. At inference it is a Sub with the
 * running mean, input 1, of shape [C, 1, …]: the axes along which it has one number are averaged.
 */

const [VALUE, MEAN] = [0, 1] as const;

const forward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs } = context;
  const [value = ""] = inputs;
  const [result = ""] = outputs;
  if (context.mode === "inference") {
    copyNode(builder, context.node, inputs, outputs);
    return;
  }
  const mean = meanOver(builder, value, averagedAxes(context));
  addNode(builder, "Sub", [value, mean], [result]);
  updateRunningMean(context, mean);
};

/** running ← (1 − momentum)·running + momentum·batch, as BatchNormalization's. */
function updateRunningMean(context: TrainingForwardContext, mean: string): void {
  const { builder, options } = context;
  context.updateState(MEAN, (current) => {
    const batch = reshape(builder, mean, context.inputShape(MEAN));
    const kept = scale(builder, current, 1 - options.batchNormMomentum);
    return builder.add("Add", [kept, scale(builder, batch, options.batchNormMomentum)]);
  });
}

/** Nothing flows to the running mean while training; at inference it is a constant. */
const gradient: GradientRule = (context, [outputGradient]) => {
  if (outputGradient === undefined) return [];
  const { builder } = context;
  if (context.mode === "inference") {
    return [
      context.needs(VALUE) ? outputGradient : undefined,
      context.needs(MEAN) ? builder.add("Neg", [outputGradient]) : undefined,
    ];
  }
  if (!context.needs(VALUE)) return [];
  const mean = meanOver(builder, outputGradient, averagedAxes(context));
  return [builder.add("Sub", [outputGradient, mean])];
};

/**
 * The axes of the value along which the running mean has one number, lined up at the right.
 *
 * @throws InputError where the shapes do not belong together: the role may stand on any file's Sub.
 */
function averagedAxes(
  context: Pick<TrainingForwardContext, "inputShape" | "node">,
): readonly number[] {
  const shape = context.inputShape(VALUE);
  const mean = context.inputShape(MEAN);
  const missing = shape.length - mean.length;
  const sizes = shape.map((_, axis) => mean[axis - missing] ?? 1);
  if (missing < 0 || sizes.some((size, axis) => size !== 1 && size !== shape[axis])) {
    const { name, input } = context.node;
    throw new InputError(
      `node ${name}: its running mean ${input[MEAN]} has shape [${mean}], which does not fit its input [${shape}]`,
    );
  }
  return rangeOf(shape.length).filter((axis) => sizes[axis] === 1);
}

export const meanOnlyBatchNorm: RoleRule = {
  role: "mean-only-batch-norm",
  opType: "Sub",
  trainingForward: forward,
  gradient,
};
