import type { Dimension } from "../../../graph/builder.ts";
import { readNumbers } from "../../../graph/numbers.ts";
import { elementCount, type Tensor } from "../../../graph/tensor.ts";
import { joined } from "./cropping.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { unwritable } from "./unwritable.ts";
import { filledWeight, floats, requireFloat, weight } from "./weights.ts";
import { layerSizes, type WrittenValue } from "./written-value.ts";

/** scale and offset of x·scale + offset, which an operator makes of x and a constant number. */
type Affine = (constant: number, constantFirst: boolean) => readonly [number, number];

const AFFINE: Readonly<Record<string, Affine>> = {
  Add: (constant) => [1, constant],
  Mul: (constant) => [constant, 0],
  Sub: (constant, first) => (first ? [-1, constant] : [1, -constant]),
  Div: (constant, first) =>
    first ? unwritable("no layer divides by what is computed") : [1 / constant, 0],
};

/** One of two inputs may be constant. */
function binary(className: string): (call: NodeCall) => WrittenValue {
  return (call) => {
    const { opType } = call.node;
    const constants = [call.constant(0), call.constant(1)];
    const constant = constants.find((tensor) => tensor !== undefined);
    if (constant !== undefined) {
      const first = constants[0] !== undefined;
      return withConstant(call, call.input(first ? 1 : 0), constant, first);
    }
    const values = alike(call, [call.input(0), call.input(1)]);
    const [a, b] = values as [WrittenValue, WrittenValue];
    if (opType === "Div") unwritable("no layer divides by what is computed");
    // TensorFlow.js has no Subtract: a − b = a + (−b).
    const negated = opType === "Sub" && call.forTfjs;
    const inputs = negated ? [a, call.rescaled(b, -1, 0)] : values;
    return merged(call, negated ? "Add" : className, inputs);
  };
}

/** A maximum, minimum or sum of any number of inputs. */
function many(className: string): (call: NodeCall) => WrittenValue {
  return (call) => {
    const inputs = call.node.input.map((_, index) => call.input(index));
    const [only] = inputs;
    if (inputs.length === 1 && only !== undefined) return only;
    return merged(call, className, alike(call, inputs));
  };
}

function merged(call: NodeCall, className: string, values: readonly WrittenValue[]) {
  const [first] = values as [WrittenValue];
  return call.layer(className, values, { shape: call.outputShape(), axes: first.axes });
}

/** All inputs with the same axes; the sizes of those that are stretched are 1. */
export function alike(call: NodeCall, values: readonly WrittenValue[]): WrittenValue[] {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  const aligned = values.map((value) => atRank(value, rank));
  const ahead = aligned.reduce((most, value) =>
    longCount(value) > longCount(most) ? value : most,
  );
  const used = new Set(
    aligned.flatMap(({ axes, shape }) => axes.filter((axis) => shape[axis] !== 1)),
  );
  const axes = ahead.axes.filter((axis, place) => place === 0 || used.has(axis));
  const missing = [...used].filter((axis) => !axes.includes(axis));
  return aligned.map((value) => call.arranged(value, [...axes, ...missing]));
}

function longCount({ axes, shape }: WrittenValue): number {
  return axes.filter((axis) => shape[axis] !== 1).length;
}

/** Axes of size 1 in front, as operators of ONNX stretch shapes. */
function atRank(value: WrittenValue, rank: number): WrittenValue {
  const more = rank - value.shape.length;
  const shape: Dimension[] = [...Array.from({ length: more }, () => 1), ...value.shape];
  return { ...value, shape, axes: value.axes.map((axis) => axis + more) };
}

function withConstant(call: NodeCall, value: WrittenValue, constant: Tensor, first: boolean) {
  const affine = AFFINE[call.node.opType] as Affine;
  if (elementCount(constant.dims) === 1) {
    const [scale, offset] = affine(readNumbers(constant)[0] ?? 0, first);
    const { shape } = call.context.shapes.shape(call.node.output[0] ?? "")
      ? { shape: call.outputShape() }
      : value;
    const scaled = call.rescaled(value, scale, offset);
    return shape.length === value.shape.length ? scaled : atRank(scaled, shape.length);
  }
  return affineAlong(call, value, constant, (number) => affine(number, first));
}

/**
 * x·scale + offset with numbers of their own along some axes: these are joined into one, the last, for
 * which a BatchNormalization of mean 0 and variance 1 that is not trained does just that.
 */
function affineAlong(
  call: NodeCall,
  value: WrittenValue,
  constant: Tensor,
  affine: (constant: number) => readonly [number, number],
): WrittenValue {
  requireFloat(constant);
  const more = value.shape.length - constant.dims.length;
  if (more < 0) unwritable("its constant has more axes than what is computed");
  const along = constant.dims.flatMap((size, axis) => (size === 1 ? [] : [axis + more]));
  const fits = along.every((axis) => value.shape[axis] === constant.dims[axis - more]);
  if (!fits) unwritable("its constant stretches what is computed, or its sizes are open");
  if (along.includes(value.axes[0] ?? 0)) unwritable("its constant has numbers for each sample");
  const others = value.axes.filter((axis) => !along.includes(axis));
  const placed = call.arranged(value, [...others, ...along]);
  const width = elementCount(constant.dims);
  const sizes = layerSizes(placed);
  const front = sizes.slice(0, others.length);
  const joinedFront = front.length > 2 ? [front[0] ?? "N", joined(front.slice(1))] : front;
  const flat = along.length > 1 ? [...joinedFront, width] : sizes;
  const computed = (which: 0 | 1) => () => floats(constant).map((each) => affine(each)[which]);
  const layer = call.list.add({
    className: "BatchNormalization",
    stem: call.stem,
    config: { axis: -1, epsilon: 0, momentum: 0.99, center: true, scale: true },
    inputs: [call.list.reshape(placed.layer, flat)],
    shape: flat,
    trainable: false,
    weights: [
      weight("gamma", [width], computed(0)),
      weight("beta", [width], computed(1)),
      filledWeight("moving_mean", width, 0),
      filledWeight("moving_variance", width, 1),
    ],
  });
  return { ...placed, layer: call.list.reshape(layer, sizes) };
}

function power(call: NodeCall): WrittenValue {
  const value = call.input(0);
  const exponent = call.scalar(1, 1);
  if (exponent === 1) return value;
  if (exponent !== 2 && exponent !== 3) unwritable(`no layer raises to the power of ${exponent}`);
  const square = call.layer("Multiply", [value, value], value);
  return exponent === 2 ? square : call.layer("Multiply", [square, value], value);
}

export const arithmeticWriters: readonly NodeWriter[] = [
  { opTypes: ["Add"], write: binary("Add") },
  { opTypes: ["Sub"], write: binary("Subtract") },
  { opTypes: ["Mul"], write: binary("Multiply") },
  { opTypes: ["Div"], write: binary("Divide") },
  { opTypes: ["Sum"], write: many("Add") },
  { opTypes: ["Max"], write: many("Maximum") },
  { opTypes: ["Min"], write: many("Minimum") },
  { opTypes: ["Mean"], write: many("Average") },
  { opTypes: ["Pow"], reads: () => [0], write: power },
  {
    opTypes: ["Neg"],
    write: (call) => call.rescaled(call.shuffledInput(0), -1, 0),
  },
  {
    opTypes: ["Abs"],
    write: (call) => {
      const value = call.shuffledInput(0);
      return call.layer("Maximum", [value, call.rescaled(value, -1, 0)], value);
    },
  },
];
