import { floatAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import { InputError } from "../graph/input-error.ts";
import { readNumbers } from "../graph/numbers.ts";
import { memoryTensor } from "../graph/tensor.ts";
import { addNode, asFloat, multiply, scale } from "./emit.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  ShapeRule,
  TrainingForwardRule,
} from "./operator.ts";

/*
 * Dropout (Srivastava et al. 2014), inverted: while training each element is zeroed with
 * probability `ratio` and the others are multiplied by 1/(1 − ratio); at inference nothing happens.
 */

const DEFAULT_RATIO = 0.5;

/** Share that is dropped: an input from opset 12, an attribute before. */
function dropRatio(context: Pick<GradientContext, "node" | "inputs" | "constant">): number {
  if ((context.inputs[1] ?? "") === "") return floatAttribute(context.node, "ratio", DEFAULT_RATIO);
  const tensor = context.constant(1);
  const [ratio] = tensor === undefined ? [] : readNumbers(tensor);
  if (ratio === undefined || !(ratio >= 0 && ratio < 1)) {
    throw new InputError(
      `node ${context.node.name}: Dropout needs a constant ratio from 0 to below 1, not ${ratio ?? "a computed one"}`,
    );
  }
  return ratio;
}

const dropoutShape: ShapeRule = (context) => {
  const input = context.input(0);
  if (input === undefined) return [];
  // Before opset 10 the mask was of the input's type.
  const dataType = context.opset < 10 ? input.dataType : DataType.BOOL;
  return [input, { dataType, shape: input.shape }];
};

/**
 * The node draws its mask from its own seed: two nodes with one seed would drop the same units.
 * The generator goes on from run to run and starts again with a new session.
 */
const dropoutForward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs, options } = context;
  const [y = "", givenMask = ""] = outputs;
  // At inference a computed ratio is no obstacle.
  const ratio = options.mode === "inference" ? 0 : dropRatio(context);
  const training = ratio > 0;
  if (!training && givenMask === "") {
    addNode(builder, "Identity", [inputs[0] ?? ""], [y]);
    return;
  }
  const mask = givenMask === "" ? builder.freshName(`${y}_mask`) : givenMask;
  const truth = memoryTensor(
    builder.freshName("training_mode"),
    [],
    DataType.BOOL,
    Uint8Array.of(training ? 1 : 0),
  );
  addNode(
    builder,
    "Dropout",
    [inputs[0] ?? "", builder.scalar(ratio), builder.addInitializer(truth)],
    [y, mask],
    { seed: { int: options.dropoutSeed(context.node) } },
  );
  context.save("mask", mask);
};

/** ∂L/∂x = g·mask/(1 − ratio), with the mask of the forward pass. */
const dropoutGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const ratio = context.mode === "inference" ? 0 : dropRatio(context);
  if (ratio === 0) return [gradient];
  const { builder } = context;
  const kept = asFloat(builder, context.saved("mask"));
  return [multiply(builder, gradient, scale(builder, kept, 1 / (1 - ratio)))];
};

export const dropoutRules: readonly OperatorRule[] = [
  {
    opType: "Dropout",
    inferShapes: dropoutShape,
    trainingForward: dropoutForward,
    gradient: dropoutGradient,
  },
];
