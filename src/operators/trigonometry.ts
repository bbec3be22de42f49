import type { GraphBuilder } from "../graph/builder.ts";
import { multiply, negate } from "./emit.ts";
import type { OperatorRule } from "./operator.ts";
import { unaryRule } from "./unary.ts";

/** sign·x² + offset */
function square(builder: GraphBuilder, x: string, sign: 1 | -1, offset: number): string {
  const squared = multiply(builder, x, x);
  const signed = sign === 1 ? squared : negate(builder, squared);
  return builder.add("Add", [signed, builder.scalar(offset)]);
}

function reciprocalRoot(builder: GraphBuilder, value: string): string {
  return builder.add("Reciprocal", [builder.add("Sqrt", [value])]);
}

/** Circular and hyperbolic functions and their inverses. */
export const trigonometryRules: readonly OperatorRule[] = [
  unaryRule("Sin", ({ builder, x }) => builder.add("Cos", [x])),
  unaryRule("Cos", ({ builder, x }) => negate(builder, builder.add("Sin", [x]))),
  // tan′ = 1 + tan²
  unaryRule("Tan", ({ builder, y }) => square(builder, y, 1, 1)),
  // asin′ = 1/√(1 − x²), acos′ = −asin′
  unaryRule("Asin", ({ builder, x }) => reciprocalRoot(builder, square(builder, x, -1, 1))),
  unaryRule("Acos", ({ builder, x }) =>
    negate(builder, reciprocalRoot(builder, square(builder, x, -1, 1))),
  ),
  // atan′ = 1/(1 + x²)
  unaryRule("Atan", ({ builder, x }) => builder.add("Reciprocal", [square(builder, x, 1, 1)])),
  unaryRule("Sinh", ({ builder, x }) => builder.add("Cosh", [x])),
  unaryRule("Cosh", ({ builder, x }) => builder.add("Sinh", [x])),
  // asinh′ = 1/√(x² + 1), acosh′ = 1/√(x² − 1), atanh′ = 1/(1 − x²)
  unaryRule("Asinh", ({ builder, x }) => reciprocalRoot(builder, square(builder, x, 1, 1))),
  unaryRule("Acosh", ({ builder, x }) => reciprocalRoot(builder, square(builder, x, 1, -1))),
  unaryRule("Atanh", ({ builder, x }) => builder.add("Reciprocal", [square(builder, x, -1, 1)])),
];
