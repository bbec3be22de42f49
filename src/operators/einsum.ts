import { stringAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import type { Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { expand, multiply, reshape } from "./emit.ts";
import {
  type GradientContext,
  type GradientRule,
  type OperatorRule,
  type ShapeRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { broadcastShapes } from "./shape-algebra.ts";

/** An equation without ellipsis: one letter an axis. */
interface Equation {
  readonly terms: readonly string[];
  readonly result: string;
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ELLIPSIS = "...";

/**
 * The equation of a node whose inputs have the given ranks. An ellipsis becomes letters that nothing
 * else uses, the last ones where it stands for fewer axes than elsewhere, as broadcasting wants it.
 * Without "->" the result has the ellipsis and then, in alphabetical order, what appears only once.
 *
 * @returns undefined where the equation does not fit the ranks.
 */
function equationOf(node: Node, ranks: readonly number[]): Equation | undefined {
  const text = stringAttribute(node, "equation", "").replaceAll(" ", "");
  const [left = "", stated] = text.split("->");
  const written = left.split(",");
  if (written.length !== ranks.length) return undefined;
  const widths = written.map((term, index) =>
    term.includes(ELLIPSIS) ? (ranks[index] ?? 0) - (term.length - ELLIPSIS.length) : 0,
  );
  const most = Math.max(...widths);
  const free = [...LETTERS]
    .filter((letter) => !text.includes(letter))
    .slice(0, most)
    .join("");
  const terms = written.map((term, index) =>
    term.replace(ELLIPSIS, free.slice(most - (widths[index] ?? 0))),
  );
  if (terms.some((term, index) => term.length !== ranks[index])) return undefined;
  const single = [...new Set(left.replaceAll(/[.,]/g, ""))].filter(
    (letter) => left.indexOf(letter) === left.lastIndexOf(letter),
  );
  const result = stated?.replace(ELLIPSIS, free) ?? free + single.sort().join("");
  return { terms, result };
}

/** Size by letter; axes of size 1 broadcast. */
function sizesOf(
  terms: readonly string[],
  shapes: readonly (readonly Dimension[])[],
): ReadonlyMap<string, Dimension> {
  const sizes = new Map<string, Dimension>();
  for (const [index, term] of terms.entries()) {
    for (const [axis, letter] of [...term].entries()) {
      const size = shapes[index]?.[axis] ?? UNKNOWN_SIZE;
      const [both = UNKNOWN_SIZE] = broadcastShapes([sizes.get(letter) ?? 1], [size]);
      sizes.set(letter, both);
    }
  }
  return sizes;
}

const einsumShape: ShapeRule = (context) => {
  const inputs = context.node.input.map((_, index) => context.input(index));
  const known = inputs.flatMap((input) => (input === undefined ? [] : [input]));
  const [first] = known;
  if (first === undefined || known.length < inputs.length) return [];
  const shapes = known.map(({ shape }) => shape);
  const equation = equationOf(
    context.node,
    shapes.map((shape) => shape.length),
  );
  if (equation === undefined) return [];
  const sizes = sizesOf(equation.terms, shapes);
  const shape = [...equation.result].map((letter) => sizes.get(letter) ?? UNKNOWN_SIZE);
  return [{ dataType: first.dataType, shape }];
};

/** A factor of a product of tensors, by name, with a letter an axis. */
interface Factor {
  readonly value: string;
  readonly term: string;
  readonly shape: readonly number[];
}

/**
 * Y = Σ A·B·… is linear in each factor, and ∂L/∂A is the same sum with ∂L/∂Y in A's place and A's
 * letters as the result. Letters that only A has were summed over: their gradient is the same all
 * along.
 */
const einsumGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const shapes = context.inputs.map((_, index) => context.inputShape(index));
  const equation = equationOf(
    context.node,
    shapes.map((shape) => shape.length),
  );
  for (const term of equation?.terms ?? []) {
    if (new Set(term).size < term.length) {
      throw new InputError(
        `node ${context.node.name}: Einsum that repeats an index within one operand has no gradient (equation "${stringAttribute(context.node, "equation", "")}")`,
      );
    }
  }
  if (equation === undefined) return [];
  const factors = equation.terms.map((term, index) => ({
    value: context.inputs[index] ?? "",
    term,
    shape: shapes[index] ?? [],
  }));
  const whole = { value: gradient, term: equation.result, shape: context.outputShape(0) };
  return factors.map((factor, index) => {
    if (!context.needs(index)) return undefined;
    const others = factors.filter((_, position) => position !== index);
    return factorGradient(context, factor, [whole, ...others]);
  });
};

function factorGradient(
  { builder }: Pick<GradientContext, "builder">,
  factor: Factor,
  others: readonly Factor[],
): string {
  const tensors = others.filter(({ term }) => term !== "");
  const sizes = sizesOf(
    tensors.map(({ term }) => term),
    tensors.map(({ shape }) => shape),
  ) as ReadonlyMap<string, number>;
  const target = [...factor.term].filter((letter) => sizes.has(letter)).join("");
  const equation = { string: `${tensors.map(({ term }) => term).join(",")}->${target}` };
  const product =
    tensors.length === 0
      ? builder.scalar(1)
      : builder.add(
          "Einsum",
          tensors.map(({ value }) => value),
          { attributes: { equation } },
        );
  // ONNX Runtime's Einsum takes no scalars.
  const scaled = others
    .filter(({ term }) => term === "")
    .reduce((value, scalar) => multiply(builder, value, scalar.value), product);
  const kept = [...factor.term].map((letter) => sizes.get(letter) ?? 1);
  const placed = target === factor.term ? scaled : reshape(builder, scaled, kept);
  const full = kept.map((size, axis) => Math.max(size, factor.shape[axis] ?? 1));
  return full.every((size, axis) => size === kept[axis]) ? placed : expand(builder, placed, full);
}

export const einsumRules: readonly OperatorRule[] = [
  { opType: "Einsum", inferShapes: einsumShape, gradient: einsumGradient },
];
