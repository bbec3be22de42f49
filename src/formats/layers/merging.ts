import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import { type LayerValue, type Size, valueAxis } from "./layer-value.ts";
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
function broadcast(call: LayerCall, values: readonly LayerValue[]): Size[] {
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
    return { ...first, value, shape };
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
  const value = call.add(
    "main",
    "Concat",
    values.map((each) => each.value),
    { axis: { int: valueAxis(first, axis) } },
  );
  return {
    ...first,
    value,
    shape: first.shape.map((size, each) => (each === axis ? total : size)),
  };
}

export const mergingLayers: readonly LayerRule[] = [
  { classNames: ["Add"], build: merging("Add") },
  { classNames: ["Multiply"], build: merging("Mul") },
  { classNames: ["Average"], build: merging("Add", true) },
  { classNames: ["Maximum"], build: merging("Max") },
  { classNames: ["Minimum"], build: merging("Min") },
  {
    classNames: ["Subtract"],
    build: (call) => {
      if (call.inputs.length !== 2) call.refuse(`it has ${call.inputs.length} inputs, not two`);
      return merging("Sub")(call);
    },
  },
  { classNames: ["Concatenate"], build: concatenate },
];
