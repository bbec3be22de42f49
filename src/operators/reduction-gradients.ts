import { intAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { elementCount } from "../graph/tensor.ts";
import { asFloat, expand, multiply, nonzeroNorm, reshape, scale, sumOver } from "./emit.ts";
import type { GradientContext, GradientRule } from "./operator.ts";
import { reducedAxes } from "./reduced-axes.ts";

/** One reduction y = f(x₁, x₂, …) as its gradient sees it. */
interface Reduction {
  readonly builder: GraphBuilder;
  readonly x: string;
  /** y and ∂L/∂y with the reduced axes at 1, so that they broadcast to x. */
  readonly y: string;
  readonly gradient: string;
  readonly axes: readonly number[];
  /** How many numbers enter one result. */
  readonly count: number;
}

/** @param derivative ∂L/∂x, which may still lack the reduced axes: they are expanded then. */
function reductionGradient(derivative: (values: Reduction) => string): GradientRule {
  return (context, [gradient]) => {
    if (gradient === undefined) return [];
    const { builder, inputs, outputs } = context;
    const shape = context.inputShape(0);
    const axes = reducedAxes(context, shape.length) ?? [];
    const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return [
      derivative({
        builder,
        x: inputs[0] ?? "",
        y: reshapeUnlessKept(context, outputs[0] ?? "", kept),
        gradient: reshapeUnlessKept(context, gradient, kept),
        axes,
        count: elementCount(shape) / elementCount(kept),
      }),
    ].map((value) => expand(builder, value, shape));
  };
}

function reshapeUnlessKept(
  context: GradientContext,
  value: string,
  kept: readonly number[],
): string {
  const keeps = intAttribute(context.node, "keepdims", 1) === 1;
  return keeps ? value : reshape(context.builder, value, kept);
}

function reduceAgain(
  opType: string,
  { builder, axes }: Pick<Reduction, "builder" | "axes">,
  value: string,
) {
  return axes.length === 0
    ? value
    : builder.add(opType, [value, builder.ints(axes)], { attributes: { keepdims: { int: 1 } } });
}

/** Inputs that attain the extremum share the gradient evenly. */
const extremum = reductionGradient(({ builder, x, y, gradient, axes }) => {
  const attains = asFloat(builder, builder.add("Equal", [x, y]));
  const count = axes.length === 0 ? attains : sumOver(builder, attains, axes, true);
  return multiply(builder, attains, builder.add("Div", [gradient, count]));
});

/**
 * ∂∏x/∂xᵢ = ∏_{j≠i} xⱼ, also where some x are 0: with the product P of the others that are not 0 it is
 * P/xᵢ where nothing is 0, P at the only 0, and 0 elsewhere.
 */
const product = reductionGradient((values) => {
  const { builder, x, gradient } = values;
  const zero = asFloat(builder, builder.add("Equal", [x, builder.scalar(0)]));
  const safe = builder.add("Add", [x, zero]);
  const others = reduceAgain("ReduceProd", values, safe);
  const zeros = reduceAgain("ReduceSum", values, zero);
  const is = (count: number) =>
    asFloat(builder, builder.add("Equal", [zeros, builder.scalar(count)]));
  const whole = builder.add("Div", [is(0), safe]);
  const factor = builder.add("Add", [whole, multiply(builder, is(1), zero)]);
  return multiply(builder, multiply(builder, gradient, others), factor);
});

/** The gradient of each reduction of real numbers, by operator. */
export const REDUCTION_GRADIENTS: Readonly<Record<string, GradientRule>> = {
  ReduceSum: reductionGradient(({ gradient }) => gradient),
  ReduceMean: reductionGradient(({ builder, gradient, count }) =>
    scale(builder, gradient, 1 / count),
  ),
  // ∂Σx² = 2x
  ReduceSumSquare: reductionGradient(({ builder, x, gradient }) =>
    multiply(builder, x, scale(builder, gradient, 2)),
  ),
  // ∂√Σx² = x/√Σx², and 0 at 0 as in PyTorch
  ReduceL2: reductionGradient(({ builder, x, y, gradient }) =>
    multiply(builder, x, builder.add("Div", [gradient, nonzeroNorm(builder, y)])),
  ),
  // ∂Σ|x| = sign(x)
  ReduceL1: reductionGradient(({ builder, x, gradient }) =>
    multiply(builder, builder.add("Sign", [x]), gradient),
  ),
  // ∂ln Σx = 1/Σx = exp(−y)
  ReduceLogSum: reductionGradient(({ builder, y, gradient }) =>
    multiply(builder, gradient, builder.add("Exp", [builder.add("Neg", [y])])),
  ),
  // ∂ln Σeˣ = exp(x − y)
  ReduceLogSumExp: reductionGradient(({ builder, x, y, gradient }) =>
    multiply(builder, gradient, builder.add("Exp", [builder.add("Sub", [x, y])])),
  ),
  ReduceMax: extremum,
  ReduceMin: extremum,
  ReduceProd: product,
};
