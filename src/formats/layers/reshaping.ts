import { elementCount } from "../../graph/tensor.ts";
import { isList } from "./json.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue, Size } from "./layer-value.ts";
import { channelsLast } from "./window.ts";

/**
 * All axes but the batch become one, in the file's order; those of a layer whose channels are in front
 * with the channels behind, as Keras and TensorFlow.js turn them so that either kind reads the same Dense.
 */
function flatten(call: LayerCall): LayerValue {
  const { input } = call;
  if (!channelsLast(call) && input.shape.length > 2) return flattenFromFirst(call);
  const rest = input.shape.slice(1);
  const width = rest.includes(null) ? null : elementCount(rest as number[]);
  // Where only one axis is longer than 1, every order is the same.
  const long = rest.filter((size) => size !== 1).length;
  const ordered = long <= 1 ? input : call.inFileOrder(input);
  const value = call.add("main", "Flatten", [ordered.value]);
  return { ...input, value, shape: [input.shape[0] ?? null, width], moved: false };
}

function flattenFromFirst(call: LayerCall): LayerValue {
  const { value, shape } = call.inFileOrder(call.input);
  const perm = [0, ...shape.map((_, axis) => axis).slice(2), 1];
  const turned = call.add("turned", "Transpose", [value], { perm: { ints: perm } });
  const rest = shape.slice(1);
  const width = rest.includes(null) ? null : elementCount(rest as number[]);
  const flat = call.add("main", "Flatten", [turned]);
  return { ...call.input, value: flat, shape: [shape[0] ?? null, width], moved: false };
}

/** target_shape leaves out the batch; one of its sizes may be -1, which TensorFlow.js writes as null. */
function reshape(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const stated = call.fields.value("target_shape");
  const target = isList(stated)
    ? stated.map((size) => (size === null ? -1 : Number(size)))
    : call.fields.refuse("target_shape", "a list of whole numbers");
  if (!target.every((size) => Number.isSafeInteger(size))) {
    call.fields.refuse("target_shape", "a list of whole numbers");
  }
  const known = input.shape.slice(1);
  const total = known.includes(null) ? null : (known as number[]).reduce((all, n) => all * n, 1);
  const rest = target.filter((size) => size !== -1).reduce((all, size) => all * size, 1);
  const open = target.filter((size) => size === -1).length;
  const fits = total === null || (open === 0 ? rest === total : total % rest === 0);
  if (open > 1 || target.some((size) => size < -1 || size === 0) || !fits) {
    call.refuse(
      `target_shape [${target}] does not fit its input of [${known.map((n) => n ?? "?")}]`,
    );
  }
  const shape = target.map((size): Size => {
    if (size !== -1) return size;
    return total === null ? null : total / rest;
  });
  // With channels alone, as in front of a gate for each of them, either order has the same elements.
  const channelsAlone = target.length > 1 && target.slice(0, -1).every((size) => size === 1);
  if (channelsAlone) {
    const sizes = [0, target.at(-1) ?? 1, ...target.slice(0, -1)];
    const moved = call.add("main", "Reshape", [input.value, call.builder.ints(sizes)]);
    return { ...input, value: moved, moved: true, shape: [input.shape[0] ?? null, ...shape] };
  }
  const value = call.add("main", "Reshape", [input.value, call.builder.ints([0, ...target])]);
  return { ...input, value, shape: [input.shape[0] ?? null, ...shape] };
}

/** dims count the axes from 1, without the batch. */
function permute(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const dims = call.fields.integers("dims");
  const sorted = [...dims].sort((a, b) => a - b);
  const whole = sorted.every((axis, position) => axis === position + 1);
  if (dims.length !== input.shape.length - 1 || !whole) {
    call.fields.refuse("dims", `the numbers 1 to ${input.shape.length - 1} in some order`);
  }
  const perm = [0, ...dims];
  const value = call.add("main", "Transpose", [input.value], { perm: { ints: perm } });
  return { ...input, value, shape: perm.map((axis) => input.shape[axis] ?? null) };
}

/** (N, C) n times over, as (N, n, C). */
function repeatVector(call: LayerCall): LayerValue {
  const { input } = call;
  const count = call.fields.size("n");
  const row = call.add("row", "Unsqueeze", [input.value, call.builder.ints([1])]);
  const value = call.add("main", "Expand", [row, call.builder.ints([1, count, 1])]);
  return { ...input, value, shape: [input.shape[0] ?? null, count, input.shape[1] ?? null] };
}

export const reshapingLayers: readonly LayerRule[] = [
  { classNames: ["Flatten"], build: flatten },
  { classNames: ["Reshape"], build: reshape },
  { classNames: ["Permute"], build: permute },
  { classNames: ["RepeatVector"], build: repeatVector },
];
