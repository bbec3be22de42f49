import { findAttribute, intAttribute } from "../graph/attributes.ts";
import type { GradientRule, OperatorRule } from "./operator.ts";
import { likeInput } from "./shape-rules.ts";

/** yᵢ = Σ_{j≤i} xⱼ, so ∂L/∂xⱼ = Σ_{i≥j} ∂L/∂yᵢ: the sum from the other end, exclusive or not. */
const cumulativeSumGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, node } = context;
  const attributes = {
    exclusive: { int: intAttribute(node, "exclusive", 0) },
    reverse: { int: 1 - intAttribute(node, "reverse", 0) },
  };
  return [builder.add("CumSum", [gradient, inputs[1] ?? ""], { attributes })];
};

/** Zeros and what is kept stay where they are. */
const triangleGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const diagonal = context.inputs[1] ?? "";
  const inputs = diagonal === "" ? [gradient] : [gradient, diagonal];
  const upper = { int: intAttribute(context.node, "upper", 1) };
  return [context.builder.add("Trilu", inputs, { attributes: { upper } })];
};

/** Reversing the same parts again undoes it. */
const reverseGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, node } = context;
  const names = ["batch_axis", "time_axis"].filter((name) => findAttribute(node, name));
  const attributes = Object.fromEntries(
    names.map((name) => [name, { int: intAttribute(node, name, 0) }]),
  );
  return [builder.add("ReverseSequence", [gradient, inputs[1] ?? ""], { attributes })];
};

export const cumulativeRules: readonly OperatorRule[] = [
  { opType: "CumSum", inferShapes: likeInput(), gradient: cumulativeSumGradient },
  { opType: "Trilu", inferShapes: likeInput(), gradient: triangleGradient },
  { opType: "ReverseSequence", inferShapes: likeInput(), gradient: reverseGradient },
];
