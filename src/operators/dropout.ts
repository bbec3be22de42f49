import { floatAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import { InputError } from "../graph/input-error.ts";
import { readNumbers } from "../graph/numbers.ts";
import { addNode, asFloat, multiply, scale } from "./emit.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  ShapeRule,
  TrainingForwardRule,
} from "./operator.ts";
import { randomTruths } from "./random-numbers.ts";

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
 * y = x·m with m = kept/(1 − ratio). What is kept follows from the node and the step, see
 * random-numbers.ts; m is the gradient's factor as well.
 */
const dropoutForward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs, options } = context;
  const [x = ""] = inputs;
  const [y = "", mask = ""] = outputs;
  // At inference a computed ratio is no obstacle.
  const ratio = options.mode === "inference" ? 0 : dropRatio(context);
  if (ratio === 0) {
    if (mask === "") addNode(builder, "Identity", [x], [y]);
    else addNode(builder, "Dropout", [x], [y, mask]);
    return;
  }
  const kept = randomTruths(builder, context.inputShape(0), 1 - ratio, {
    seed: options.dropoutSeed(context.node),
    ...(options.step === undefined ? {} : { step: options.step }),
  });
  if (mask !== "") addNode(builder, "Identity", [kept], [mask]);
  const factor = scale(builder, asFloat(builder, kept), 1 / (1 - ratio));
  addNode(builder, "Mul", [x, factor], [y]);
  context.save("factor", factor);
};

/** ∂L/∂x = g·m, with the m of the forward pass. */
const dropoutGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const ratio = context.mode === "inference" ? 0 : dropRatio(context);
  if (ratio === 0) return [gradient];
  return [multiply(context.builder, gradient, context.saved("factor"))];
};

export const dropoutRules: readonly OperatorRule[] = [
  {
    opType: "Dropout",
    inferShapes: dropoutShape,
    trainingForward: dropoutForward,
    gradient: dropoutGradient,
  },
];
