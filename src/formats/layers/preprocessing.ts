import { isList, type Json } from "./json.ts";
import { knownSize, type LayerCall, type WeightUse } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue, Size } from "./layer-value.ts";
import { reshaped } from "./weight-layout.ts";

/** keras.config.epsilon(). */
const KERAS_EPSILON = 1e-7;

/** scale·x + offset, each one number or one for each channel. */
function rescaling(call: LayerCall): LayerValue {
  const input = call.inFileOrder(call.input);
  const numbers = (name: string, fallback: number): number[] => {
    const value = call.fields.value(name) ?? fallback;
    const list = isList(value) ? value : [value];
    if (!list.every((item) => typeof item === "number")) call.fields.refuse(name, "numbers");
    return list as number[];
  };
  const scale = numbers("scale", 1);
  const offset = numbers("offset", 0);
  const dims = (list: readonly number[]) => (list.length === 1 ? [] : [list.length]);
  let value = input.value;
  value = call.add("scale", "Mul", [value, call.fixed("scale", dims(scale), scale)]);
  value = call.add("main", "Add", [value, call.fixed("offset", dims(offset), offset)]);
  return { ...input, value };
}

/**
 * (x − μ)/max(σ, ε) with μ and σ² stored, or given in the config; with invert the other way round.
 * One of each for every position along the kept axes.
 */
function normalization(call: LayerCall): LayerValue {
  const { fields } = call;
  const input = call.inFileOrder(call.input);
  const rank = input.shape.length;
  const kept = keptAxes(call, rank);
  const size = (axis: number) => knownSize(call, input.shape[axis], `the size of axis ${axis}`);
  const broadcast = (dims: readonly number[]) => {
    const all = new Array<number>(rank).fill(1);
    for (const [index, dim] of dims.toReversed().entries()) all[kept.at(-1 - index) ?? 0] = dim;
    return all;
  };
  const layout = reshaped(broadcast);
  const parameter = (name: string): WeightUse | string => {
    if (!fields.has("mean")) return call.weight(name, kept.map(size), { layout });
    const { dims, values } = nestedNumbers(call, name);
    const fits = dims.every(
      (dim, index) => dim === 1 || dim === sizeAt(input.shape, kept, dims, index),
    );
    if (dims.length > kept.length || !fits) fields.refuse(name, "numbers for the kept axes");
    return call.fixed(name, broadcast(dims), values);
  };
  const mean = parameter("mean");
  const deviation = call.add("deviation", "Sqrt", [parameter("variance")]);
  const divisor = call.add("divisor", "Max", [deviation, call.builder.scalar(KERAS_EPSILON)]);
  if (fields.boolean("invert", false)) {
    const scaled = call.add("scaled", "Mul", [input.value, divisor]);
    return { ...input, value: call.add("main", "Add", [scaled, mean]) };
  }
  const centred = call.add("centred", "Sub", [input.value, mean]);
  return { ...input, value: call.add("main", "Div", [centred, divisor]) };
}

/** The axes with statistics of their own, from the first; none where axis is null. */
function keptAxes(call: LayerCall, rank: number): number[] {
  const { fields } = call;
  if (fields.value("axis") === null) return [];
  const stated = fields.has("axis") ? fields.integers("axis") : [-1];
  const axes = stated.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  if (axes.some((axis) => axis < 0 || axis >= rank) || new Set(axes).size !== axes.length) {
    fields.refuse("axis", "axes of its input");
  }
  return axes;
}

function sizeAt(
  shape: readonly Size[],
  kept: readonly number[],
  dims: readonly number[],
  index: number,
): Size | undefined {
  return shape[kept.at(index - dims.length) ?? -1];
}

/** Numbers in lists of any depth, with the lengths of the lists. */
function nestedNumbers(call: LayerCall, name: string): { dims: number[]; values: number[] } {
  const dims: number[] = [];
  let level: Json[] = [call.fields.value(name) ?? null];
  while (level.every(isList)) {
    const [first] = level;
    const length = first?.length ?? 0;
    if (length === 0 || level.some((list) => list.length !== length)) {
      call.fields.refuse(name, "numbers in lists of equal lengths");
    }
    dims.push(length);
    level = level.flat();
  }
  if (!level.every((item) => typeof item === "number")) call.fields.refuse(name, "numbers");
  return { dims, values: level as number[] };
}

export const preprocessingLayers: readonly LayerRule[] = [
  { classNames: ["Rescaling"], build: rescaling, keepsMask: true },
  { classNames: ["Normalization"], build: normalization, keepsMask: true },
];
