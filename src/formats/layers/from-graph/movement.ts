import { intAttribute, intsAttribute, stringAttribute } from "../../../graph/attributes.ts";
import type { Dimension } from "../../../graph/builder.ts";
import { constantValue } from "../../../graph/constants.ts";
import { DataType } from "../../../graph/data-type.ts";
import { indexOf } from "../../../graph/index.ts";
import { cropped } from "./cropping.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { reshaped, reshapePlan } from "./reshaped.ts";
import { unwritable } from "./unwritable.ts";
import { requireFloat } from "./weights.ts";
import { zeroPadded } from "./window.ts";
import type { WrittenValue } from "./written-value.ts";

const onlyFirst = () => [0];

/** Another order of axes is only noted; a layer that needs one order gets it. */
function transpose(call: NodeCall): WrittenValue {
  const value = call.input(0);
  const rank = value.shape.length;
  const perm = intsAttribute(call.node, "perm") ?? value.shape.map((_, axis) => rank - 1 - axis);
  return {
    ...value,
    shape: perm.map((axis) => value.shape[axis] ?? 1),
    axes: value.axes.map((axis) => perm.indexOf(axis)),
  };
}

/** Layers whose results do not depend on where an element lies. */
const ELEMENT_BY_ELEMENT: ReadonlySet<string> = new Set([
  "Relu",
  "LeakyRelu",
  "Elu",
  "Selu",
  "Sigmoid",
  "Tanh",
  "Softplus",
  "Softsign",
  "Mish",
  "Clip",
  "HardSigmoid",
  "HardSwish",
  "Neg",
  "Abs",
  "Dropout",
  "Identity",
]);

/** Whether a value reaches nothing but dense layers, whose kernels' rows can follow any order. */
function feedsDenseOnly(call: NodeCall, name: string, depth = 0): boolean {
  const index = indexOf(call.graph);
  const uses = index.uses(name);
  if (depth > 16 || uses.length === 0 || index.isOutput(name) || index.readByBody(name))
    return false;
  return uses.every(({ node, input }) => {
    const { opType } = node;
    if (ELEMENT_BY_ELEMENT.has(opType))
      return feedsDenseOnly(call, node.output[0] ?? "", depth + 1);
    const plain =
      opType === "MatMul" || (opType === "Gemm" && intAttribute(node, "transA", 0) === 0);
    return plain && input === 0 && constantValue(call.graph, node.input[1] ?? "") !== undefined;
  });
}

function reshapeTo(call: NodeCall, shape: readonly Dimension[]): WrittenValue {
  const value = call.input(0);
  const plan = reshapePlan(value, shape);
  const there = value.axes.filter((axis) => plan.order.includes(axis));
  const behind = there.slice(1);
  const whole = shape.length === 2 && plan.order.length > 2 && plan.order[0] === 0;
  const sizes = behind.map((axis) => value.shape[axis]);
  const moved = `${there}` !== `${plan.order}` && sizes.every((size) => typeof size === "number");
  if (!whole || !moved || !feedsDenseOnly(call, call.node.output[0] ?? "")) {
    return reshaped(call.list, value, shape);
  }
  const [batch = "N"] = value.shape;
  const width = sizes.reduce((all, size) => all * size, 1);
  const layer = call.list.reshape(value.layer, [batch, width]);
  const shuffled = placesInOrder(behind, value.shape as readonly number[]);
  return { layer, shape, axes: [0, 1], shuffled };
}

/** For each element in the order of the given axes: where it lies when they are in ascending order. */
function placesInOrder(axes: readonly number[], shape: readonly number[]): number[] {
  const ascending = [...axes].sort((a, b) => a - b);
  const stride = (axis: number) =>
    ascending
      .slice(ascending.indexOf(axis) + 1)
      .reduce((product, each) => product * (shape[each] ?? 1), 1);
  let places = [0];
  for (const axis of axes) {
    const step = stride(axis);
    const counts = Array.from({ length: shape[axis] ?? 1 }, (_, count) => count * step);
    places = places.flatMap((place) => counts.map((count) => place + count));
  }
  return places;
}

function concat(call: NodeCall): WrittenValue {
  const inputs = call.node.input.map((_, index) => call.input(index));
  const [first] = inputs as [WrittenValue];
  if (inputs.length === 1) return first;
  const rank = first.shape.length;
  const stated = intAttribute(call.node, "axis", 0);
  const axis = stated < 0 ? stated + rank : stated;
  const widest = inputs.reduce((most, each) => (each.axes.length > most.axes.length ? each : most));
  const order = widest.axes.includes(axis) ? widest.axes : [...widest.axes, axis];
  // Axes of size 1 may be there in one input only.
  const used = order.filter(
    (each, place) => place === 0 || each === axis || inputs.some(({ shape }) => shape[each] !== 1),
  );
  const missing = plainMissing(inputs, used);
  const axes = [...used, ...missing];
  const place = axes.indexOf(axis);
  if (place === 0) unwritable("it joins batches");
  const placed = inputs.map((input) => call.arranged(input, axes));
  const config = { axis: place === axes.length - 1 ? -1 : place };
  return call.layer("Concatenate", placed, { shape: call.outputShape(), axes }, { config });
}

function plainMissing(inputs: readonly WrittenValue[], used: readonly number[]): number[] {
  const long = inputs.flatMap(({ axes, shape }) => axes.filter((axis) => shape[axis] !== 1));
  return [...new Set(long)].filter((axis) => !used.includes(axis));
}

function split(call: NodeCall): undefined {
  const value = call.input(0);
  const { node } = call;
  const stated = intAttribute(node, "axis", 0);
  const axis = stated < 0 ? stated + value.shape.length : stated;
  let start = 0;
  const total = Number(value.shape[axis]);
  for (const [output, name] of node.output.entries()) {
    const size = Number(call.outputShape(output)[axis]);
    if (name !== "") {
      call.define(cropped(call, value, axis, start, total - start - size), output);
    }
    start += size;
  }
}

function slice(call: NodeCall): WrittenValue {
  const value = call.input(0);
  const { node } = call;
  const list = (input: number, attribute: string) =>
    intsAttribute(node, attribute) ?? (call.has(input) ? call.integers(input) : undefined);
  const starts = list(1, "starts");
  const ends = list(2, "ends");
  if (starts === undefined || ends === undefined) unwritable("its bounds are not constant");
  const axes = list(3, "axes") ?? starts.map((_, axis) => axis);
  const steps = call.has(4) ? call.integers(4) : starts.map(() => 1);
  if (steps === undefined || steps.some((step) => step !== 1)) {
    unwritable("it takes every other element or goes backwards");
  }
  let result = value;
  for (const [position, each] of axes.entries()) {
    const axis = each < 0 ? each + value.shape.length : each;
    const size = value.shape[axis];
    const [start, end] = [Number(starts[position]), Number(ends[position])];
    if (typeof size !== "number") {
      if (start === 0 && end >= 2 ** 31 - 1) continue;
      unwritable("it cuts an axis of open size");
    }
    const counted = (place: number) =>
      Math.min(Math.max(place < 0 ? place + size : place, 0), size);
    result = cropped(call, result, axis, counted(start), size - counted(end));
  }
  return result;
}

/** Rows of a constant table are an Embedding; one place of an axis is what Cropping leaves. */
function gather(call: NodeCall): WrittenValue {
  const { node } = call;
  const table = call.constant(0);
  const stated = intAttribute(node, "axis", 0);
  if (table !== undefined) {
    if (stated !== 0 || table.dims.length !== 2) unwritable("its table is no list of rows");
    requireFloat(table);
    const index = call.input(1);
    const [rows = 1, width = 1] = table.dims;
    const shape = [...index.shape, width];
    const axes = [...index.axes, index.shape.length];
    const weights = [{ name: "embeddings", tensor: table }];
    const config = { input_dim: rows, output_dim: width, mask_zero: false };
    return call.layer("Embedding", [index], { shape, axes }, { config, weights });
  }
  const value = call.input(0);
  const axis = stated < 0 ? stated + value.shape.length : stated;
  const places = call.integers(1);
  const [place] = places ?? [];
  if (place === undefined || places?.length !== 1) {
    unwritable("it gathers places that are not one constant number");
  }
  const size = value.shape[axis];
  if (typeof size !== "number") unwritable("it takes a place of an axis of open size");
  const counted = place < 0 ? place + size : place;
  const cut = cropped(call, value, axis, counted, size - counted - 1);
  const kept = call.outputShape().length === value.shape.length;
  return kept ? cut : without(call, cut, [axis]);
}

/** The value without axes of size 1. */
function without(call: NodeCall, value: WrittenValue, gone: readonly number[]): WrittenValue {
  const kept = value.axes.filter((axis) => !gone.includes(axis));
  const placed = call.arranged(value, kept);
  const left = value.shape.flatMap((_, axis) => (gone.includes(axis) ? [] : [axis]));
  const shape = left.map((axis) => value.shape[axis] ?? 1);
  return { ...placed, shape, axes: kept.map((axis) => left.indexOf(axis)) };
}

function squeeze(call: NodeCall): WrittenValue {
  const value = call.input(0);
  const rank = value.shape.length;
  const stated = intsAttribute(call.node, "axes") ?? (call.has(1) ? call.integers(1) : undefined);
  const all = value.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const gone = (stated ?? all).map((axis) => (axis < 0 ? axis + rank : axis));
  if (gone.includes(value.axes[0] ?? 0)) unwritable("it drops the batch");
  return without(call, value, gone);
}

function unsqueeze(call: NodeCall): WrittenValue {
  const value = call.input(0);
  const stated = intsAttribute(call.node, "axes") ?? call.integers(1);
  if (stated === undefined) unwritable("its axes are not constant");
  const rank = value.shape.length + stated.length;
  const fresh = stated.map((axis) => (axis < 0 ? axis + rank : axis));
  const old = Array.from({ length: rank }, (_, axis) => axis).filter(
    (axis) => !fresh.includes(axis),
  );
  const shape = Array.from({ length: rank }, (_, axis): Dimension => {
    const from = old.indexOf(axis);
    return from < 0 ? 1 : (value.shape[from] ?? 1);
  });
  return { ...value, shape, axes: value.axes.map((axis) => old[axis] ?? 0) };
}

function pad(call: NodeCall): WrittenValue {
  const value = call.input(0);
  const { node } = call;
  if (stringAttribute(node, "mode", "constant") !== "constant") {
    unwritable("layers pad with zeros only");
  }
  if (call.scalar(2, 0) !== 0 || call.has(3)) unwritable("it pads with another number than zero");
  const rank = value.shape.length;
  const pads = intsAttribute(node, "pads") ?? call.integers(1);
  if (pads === undefined) unwritable("its padding is not constant");
  if (pads.some((size) => size < 0)) unwritable("it has negative padding");
  const [begin, end] = [pads.slice(0, rank), pads.slice(rank)];
  if (pads.every((size) => size === 0)) return value;
  if (rank < 3 || rank > 5 || begin[0] || end[0] || begin[1] || end[1]) {
    unwritable("it pads another axis than those of positions");
  }
  return zeroPadded(call, call.channelsLast(value), begin.slice(2), end.slice(2));
}

/** The same under another name; a cast of indices or from float32 to itself changes nothing. */
function cast(call: NodeCall): WrittenValue {
  const to = intAttribute(call.node, "to", DataType.FLOAT);
  const value = call.input(0);
  const whole = call.list.layer(value.layer).dataType !== "float32";
  const stays = whole ? to === DataType.INT64 || to === DataType.INT32 : to === DataType.FLOAT;
  if (!stays) unwritable("no layer changes the type of numbers");
  return value;
}

const dropout = (call: NodeCall): WrittenValue => {
  const rate = call.has(1) ? call.scalar(1, 0.5) : 0.5;
  const value = call.shuffledInput(0);
  const ratio = call.node.attribute.find(({ name }) => name === "ratio")?.f ?? rate;
  return call.elementwise("Dropout", value, { rate: ratio });
};

export const movementWriters: readonly NodeWriter[] = [
  { opTypes: ["Transpose"], write: transpose },
  {
    opTypes: ["Reshape", "Flatten"],
    reads: onlyFirst,
    write: (call) => reshapeTo(call, call.outputShape()),
  },
  { opTypes: ["Concat"], write: concat },
  { opTypes: ["Split"], reads: onlyFirst, write: split },
  { opTypes: ["Slice"], reads: onlyFirst, write: slice },
  { opTypes: ["Gather"], write: gather },
  { opTypes: ["Squeeze"], reads: onlyFirst, write: squeeze },
  { opTypes: ["Unsqueeze"], reads: onlyFirst, write: unsqueeze },
  { opTypes: ["Pad"], reads: onlyFirst, write: pad },
  { opTypes: ["Cast"], write: cast },
  { opTypes: ["Dropout"], reads: onlyFirst, write: dropout },
];
