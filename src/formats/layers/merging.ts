import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import { DIFFERING_MASKS, type LayerValue, type Size, valueAxis } from "./layer-value.ts";
import { unitLength } from "./sample-normalization.ts";
import { shapeText } from "./window.ts";

/** All inputs in one layout: with channels first where any of them is so and all have its rank. */
function aligned(call: LayerCall): LayerValue[] {
  const { inputs } = call;
  const [first] = inputs;
  if (first === undefined || inputs.length < 2) {
    call.refuse(`it has ${inputs.length} inputs; a ${call.layer.className} takes two or more`);
  }
  const rank = (first as LayerValue).shape.length;
  const moved =
    inputs.some((input) => input.moved) && inputs.every(({ shape }) => shape.length === rank);
  return inputs.map((input) => {
    if (!moved) return call.inFileOrder(input);
    return { ...input, value: call.channelsFirst(input), moved: true };
  });
}

/** Sizes that fit each other, a 1 being stretched. Inputs of fewer axes get more behind the batch. */
export function broadcast(call: LayerCall, values: readonly LayerValue[]): Size[] {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  if (values.some(({ shape }) => shape.length !== rank)) {
    call.refuse(`its inputs have different numbers of axes: ${inputShapes(values)}`);
  }
  return Array.from({ length: rank }, (_, axis): Size => {
    const sizes = values.map(({ shape }) => shape[axis] ?? null);
    const long = sizes.filter((size) => size !== 1);
    const known = new Set(long.filter((size) => size !== null));
    if (known.size > 1) call.refuse(`its inputs do not fit each other: ${inputShapes(values)}`);
    if (long.length === 0) return 1;
    return long.includes(null) ? null : ([...known][0] ?? null);
  });
}

/**
 * The mask that all have; several are joined in ways that differ between versions of Keras. Where one
 * has none, neither has the result in Keras 3, whose attention takes masks off.
 */
function joinedMask(call: LayerCall, values: readonly LayerValue[]): string | undefined {
  const [first, ...others] = values.map(({ mask }) => mask);
  if (others.every((mask) => mask === first)) return first;
  const unmasked = values.some(({ mask }) => mask === undefined);
  return unmasked && call.context.dialect === "keras3" ? undefined : DIFFERING_MASKS;
}

function inputShapes(values: readonly LayerValue[]): string {
  return values.map(({ shape }) => `[${shapeText(shape)}]`).join(" and ");
}

function merging(opType: string, averaged = false): (call: LayerCall) => LayerValue {
  return (call) => {
    const values = aligned(call);
    const [first, ...others] = values as [LayerValue, ...LayerValue[]];
    const shape = broadcast(call, values);
    let value = first.value;
    for (const [index, other] of others.entries()) {
      const last = index === others.length - 1 && !averaged;
      value = call.add(last ? "main" : `merge${index}`, opType, [value, other.value]);
    }
    if (averaged) value = call.add("main", "Div", [value, call.builder.scalar(values.length)]);
    return { ...first, value, shape, mask: joinedMask(call, values) };
  };
}

function concatenate(call: LayerCall): LayerValue {
  const values = aligned(call);
  const [first] = values as [LayerValue];
  const rank = first.shape.length;
  const stated = call.fields.integer("axis", -1);
  const axis = stated < 0 ? stated + rank : stated;
  if (axis < 1 || axis >= rank) call.fields.refuse("axis", `an axis from 1 to ${rank - 1}`);
  const fits = values.every(
    ({ shape }) =>
      shape.length === rank &&
      shape.every(
        (size, each) =>
          each === axis ||
          size === null ||
          first.shape[each] === null ||
          size === first.shape[each],
      ),
  );
  if (!fits) call.refuse(`its inputs do not fit each other: ${inputShapes(values)}`);
  const sizes = values.map(({ shape }) => shape[axis] ?? null);
  const total = sizes.includes(null) ? null : (sizes as number[]).reduce((all, n) => all + n, 0);
  const along = values.some(({ mask }) => mask !== undefined) && axis < rank - 1;
  const value = call.add(
    "main",
    "Concat",
    values.map((each) => each.value),
    { axis: { int: valueAxis(first, axis) } },
  );
  return {
    ...first,
    value,
    // Steps that are put behind others have their masks behind each other, too.
    mask: along ? DIFFERING_MASKS : joinedMask(call, values),
    shape: first.shape.map((size, each) => (each === axis ? total : size)),
  };
}

/**
 * Sums of products along one axis of each input, for each sample; the other axes stand one behind the
 * other. Of two rows the one number keeps its axis.
 */
function dot(call: LayerCall): LayerValue {
  const [one, two, ...others] = call.inputs.map((input) => call.inFileOrder(input));
  if (one === undefined || two === undefined || others.length > 0) {
    call.refuse(`it has ${call.inputs.length} inputs, not two`);
  }
  const pair = [one as LayerValue, two as LayerValue] as const;
  const stated = call.fields.integers("axes");
  const axes = pair.map(({ shape }, index) => {
    const axis = stated[stated.length === 1 ? 0 : index] ?? 0;
    return axis < 0 ? axis + shape.length : axis;
  });
  const [first = 0, second = 0] = axes;
  const sizes = pair.map(({ shape }, index) => shape[axes[index] ?? 0] ?? null);
  const fits = sizes[0] === null || sizes[1] === null || sizes[0] === sizes[1];
  const inside = pair.every(({ shape }, index) => shape[axes[index] ?? 0] !== undefined);
  if (stated.length > 2 || first < 1 || second < 1 || !inside || !fits) {
    call.refuse(`its axes [${stated}] do not fit its inputs: ${inputShapes(pair)}`);
  }
  const factors = pair.map(({ value }, index) =>
    call.fields.boolean("normalize", false)
      ? unitLength(call, value, [axes[index] ?? 1], `unit${index}`)
      : value,
  );
  // The batch is a, what is summed over z; the axes of the inputs have letters of their own.
  const letters = pair.map(({ shape }, index) =>
    shape.map((_, axis) => {
      if (axis === 0) return "a";
      if (axis === axes[index]) return "z";
      return ("bcdefghi mnopqrst".split(" ")[index] ?? "").charAt(axis);
    }),
  );
  const [left = [], right = []] = letters;
  const rest = [...left.slice(1), ...right.slice(1)].filter((letter) => letter !== "z");
  const equation = `${left.join("")},${right.join("")}->a${rest.join("")}`;
  const product = call.add("main", "Einsum", factors, { equation: { string: equation } });
  const without = ({ shape }: LayerValue, axis: number) =>
    shape.slice(1).filter((_, each) => each + 1 !== axis);
  const shape = [pair[0].shape[0] ?? null, ...without(pair[0], first), ...without(pair[1], second)];
  const result = { ...pair[0], mask: undefined };
  if (shape.length > 1) return { ...result, value: product, shape };
  const column = call.add("column", "Unsqueeze", [product, call.builder.ints([1])]);
  return { ...result, value: column, shape: [...shape, 1] };
}

export const mergingLayers: readonly LayerRule[] = [
  { classNames: ["Add"], build: merging("Add"), keepsMask: true },
  { classNames: ["Multiply"], build: merging("Mul"), keepsMask: true },
  { classNames: ["Average"], build: merging("Add", true), keepsMask: true },
  { classNames: ["Maximum"], build: merging("Max"), keepsMask: true },
  { classNames: ["Minimum"], build: merging("Min"), keepsMask: true },
  {
    classNames: ["Subtract"],
    build: (call) => {
      if (call.inputs.length !== 2) call.refuse(`it has ${call.inputs.length} inputs, not two`);
      return merging("Sub")(call);
    },
  },
  { classNames: ["Concatenate"], build: concatenate, keepsMask: true },
  { classNames: ["Dot"], build: dot },
];
