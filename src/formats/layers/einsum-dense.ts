import { activated } from "./activation.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue, Size } from "./layer-value.ts";
import { type Projected, projected, splitLastAxis } from "./projection.ts";

/** "abc,cde->abde": a letter for each axis of input, kernel and result, without the ellipsis in front. */
interface Equation {
  readonly input: string;
  readonly kernel: string;
  readonly output: string;
  /** Any number of axes stand in front of those of input and result. */
  readonly open: boolean;
}

const FORM = /^(\.\.\.)?([a-zA-Z]+),([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)$/;

function equationOf(call: LayerCall): Equation {
  const text = call.fields.string("equation").replaceAll(" ", "");
  const [, before, input = "", kernel = "", after, output = ""] = FORM.exec(text) ?? [];
  const distinct = [input, kernel, output].every((term) => new Set(term).size === term.length);
  if (input === "" || before !== after || !distinct) {
    call.cannotExpress(`its equation is "${text}"`);
  }
  return { input, kernel, output, open: before !== undefined };
}

/** Sizes by letter, of the input's axes and of those that output_shape states. */
function sizesOf(call: LayerCall, { input, output, open }: Equation, shape: readonly Size[]) {
  if (open ? shape.length < input.length : shape.length !== input.length) {
    call.refuse(`its equation has ${input.length} axes for its input, which has ${shape.length}`);
  }
  const sizes = new Map<string, Size>();
  const stated = call.fields.value("output_shape");
  const list = (Array.isArray(stated) ? stated : [stated]) as readonly Size[];
  for (const [index, letter] of [...output].toReversed().entries()) {
    sizes.set(letter, list.at(-1 - index) ?? null);
  }
  for (const [index, letter] of [...input].toReversed().entries()) {
    sizes.set(letter, shape.at(-1 - index) ?? null);
  }
  return sizes;
}

/**
 * The axes that the kernel sums over and those that it makes, where they are the last ones, as in a
 * product of matrices; undefined for any other sum.
 */
function matrixForm({ input, kernel, output }: Equation) {
  for (let bound = 1; bound <= input.length; bound++) {
    const summed = input.slice(-bound);
    const made = kernel.slice(bound);
    const matches = kernel.startsWith(summed) && output === input.slice(0, -bound) + made;
    if (matches && made !== "" && ![...made].some((letter) => input.includes(letter))) {
      return { bound, made };
    }
  }
  return undefined;
}

/** y = activation(Σ x·W + b) over the axes that the equation names. */
function einsumDense(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const equation = equationOf(call);
  const sizes = sizesOf(call, equation, input.shape);
  const known = (letters: string) =>
    [...letters].map((letter) => {
      const size = sizes.get(letter);
      return typeof size === "number"
        ? size
        : call.refuse(`the size of its axis ${letter} is open`);
    });
  const biased = call.fields.has("bias_axes") ? call.fields.string("bias_axes") : "";
  const form = matrixForm(equation);
  if (form !== undefined && (biased === "" || biased === form.made)) {
    const bias = biased === "" ? undefined : {};
    const shape = { bound: form.bound, outputs: known(form.made), bias };
    const flat = projected(call, input, shape);
    return activated(call, { ...input, ...splitLastAxis(call, flat, shape.outputs) });
  }
  const sum = plainSum(call, input, equation, known(equation.kernel), sizes);
  if (biased === "") return activated(call, { ...input, ...sum });
  const first = Math.min(...[...biased].map((letter) => equation.output.indexOf(letter)));
  if (first < 0) call.fields.refuse("bias_axes", `axes of the result, ${equation.output}`);
  const behind = [...equation.output.slice(first)];
  const dims = behind.map((letter) => (biased.includes(letter) ? (known(letter)[0] ?? 1) : 1));
  const value = call.add("bias", "Add", [sum.value, call.weight("bias", dims)]);
  return activated(call, { ...input, ...sum, value });
}

function plainSum(
  call: LayerCall,
  input: LayerValue,
  { input: read, kernel, output, open }: Equation,
  dims: readonly number[],
  sizes: ReadonlyMap<string, Size>,
): Projected {
  const front = open ? "..." : "";
  const equation = `${front}${read},${kernel}->${front}${output}`;
  const weight = call.weight("kernel", dims);
  const attributes = { equation: { string: equation } };
  const value = call.add("main", "Einsum", [input.value, weight], attributes);
  const kept = input.shape.slice(0, input.shape.length - read.length);
  return { value, shape: [...kept, ...[...output].map((letter) => sizes.get(letter) ?? null)] };
}

export const einsumDenseLayers: readonly LayerRule[] = [
  { classNames: ["EinsumDense"], build: einsumDense },
];
