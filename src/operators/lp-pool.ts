import { intAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { poolGeometry, spreadOverWindows } from "./average-pool-gradient.ts";
import { multiply, nonzeroNorm } from "./emit.ts";
import type { GradientContext, GradientRule } from "./operator.ts";

/*
 * y = (Σ|x|ᵖ)^(1/p) over a window, so ∂y/∂x = sign(x)·|x|^(p−1)·y^(1−p): each output spreads
 * ∂L/∂y·y^(1−p) over its window, and each input takes its part.
 */

function power(builder: GraphBuilder, value: string, exponent: number): string {
  return exponent === 1 ? value : builder.add("Pow", [value, builder.scalar(exponent)]);
}

/** sign(x)·|x|^(p−1) */
function inputFactor(builder: GraphBuilder, x: string, p: number): string {
  if (p === 2) return x;
  const sign = builder.add("Sign", [x]);
  if (p === 1) return sign;
  return multiply(builder, sign, power(builder, builder.add("Abs", [x]), p - 1));
}

function perOutput(context: GradientContext, gradient: string, p: number): string {
  const { builder, outputs } = context;
  if (p === 1) return gradient;
  const norm = nonzeroNorm(builder, outputs[0] ?? "");
  // A window of zeros gets no gradient. The quotient g/y first: y^(p−1) alone may be too small for float32.
  return Array.from({ length: p - 1 }).reduce<string>(
    (quotient) => builder.add("Div", [quotient, norm]),
    gradient,
  );
}

export const lpPoolGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const p = intAttribute(context.node, "p", 2);
  const spread = spreadOverWindows(builder, poolGeometry(context), perOutput(context, gradient, p));
  return [multiply(builder, inputFactor(builder, inputs[0] ?? "", p), spread)];
};

/** One window over the whole image, so that broadcasting spreads it. */
export const globalLpPoolGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const p = intAttribute(context.node, "p", 2);
  const factor = inputFactor(builder, inputs[0] ?? "", p);
  return [multiply(builder, factor, perOutput(context, gradient, p))];
};
