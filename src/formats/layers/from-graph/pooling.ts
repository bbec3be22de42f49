import { intAttribute, intsAttribute } from "../../../graph/attributes.ts";
import { constantValue } from "../../../graph/constants.ts";
import { indexOf } from "../../../graph/index.ts";
import { readNumbers } from "../../../graph/numbers.ts";
import { cropped } from "./cropping.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { unwritable } from "./unwritable.ts";
import { ceils, type NodeWindow, nodeWindow, paddingWord, zeroPadded } from "./window.ts";
import type { WrittenValue } from "./written-value.ts";

type PoolClass = "MaxPooling" | "AveragePooling";

function pooling(className: PoolClass): (call: NodeCall) => WrittenValue {
  return (call) => {
    const value = call.input(0);
    const kernel = intsAttribute(call.node, "kernel_shape") ?? [];
    if (kernel.length < 1 || kernel.length > 3) unwritable("its window has no 1, 2 or 3 axes");
    if ((call.node.output[1] ?? "") !== "") unwritable("it also returns where the maxima are");
    const sizes = value.shape.slice(2);
    const window = withLastWindow(call, nodeWindow(call, kernel, sizes), sizes);
    if (window.dilations.some((step) => step > 1)) unwritable("it has dilations");
    const image = call.channelsLast(value);
    const word = paddingWord(window, sizes);
    const average = className === "AveragePooling";
    const counted = average && intAttribute(call.node, "count_include_pad", 0) === 1;
    if (word === "valid" || (word === "same" && !counted)) {
      return pooled(call, className, image, window, word);
    } else if (counted || (!average && isNeverNegative(call, call.node.input[0] ?? "", 0))) {
      const padded = zeroPadded(call, image, window.begin, window.end);
      return pooled(call, className, padded, window, "valid");
    } else return subsampled(call, className, image, window);
  };
}

/** With ceil_mode the last window may reach past the padding; it is then counted as padding, too. */
function withLastWindow(
  call: NodeCall,
  window: NodeWindow,
  sizes: readonly (number | string)[],
): NodeWindow {
  if (!ceils(call)) return window;
  const results = call.outputShape().slice(2);
  const end = window.end.map((pad, axis) => {
    const [size, result] = [sizes[axis], results[axis]];
    if (typeof size !== "number" || typeof result !== "number") {
      unwritable("it rounds an open size up");
    }
    const { begin, kernel, strides } = window;
    const last = (result - 1) * (strides[axis] ?? 1) + (kernel[axis] ?? 1);
    return Math.max(last - size - (begin[axis] ?? 0), pad);
  });
  const further = end.some((pad, axis) => pad !== window.end[axis]);
  if (further && intAttribute(call.node, "count_include_pad", 0) === 1) {
    unwritable("its last average counts some of the padding only");
  }
  return { ...window, end };
}

function pooled(
  call: NodeCall,
  className: PoolClass,
  image: WrittenValue,
  { kernel, strides }: Pick<NodeWindow, "kernel" | "strides">,
  padding: string,
  shape = call.outputShape(),
): WrittenValue {
  const config = { pool_size: kernel, strides, padding, data_format: "channels_last" };
  const { axes } = image;
  return call.layer(`${className}${kernel.length}D`, [image], { shape, axes }, { config });
}

/**
 * Layers pad with zeros, which is no neutral padding for a maximum, and leave padding out of averages
 * with "same" only. A window at every position with "same" reads the very same elements, of whose
 * results every s-th is taken, from position ⌊(k − 1)/2⌋ − begin on.
 */
function subsampled(
  call: NodeCall,
  className: PoolClass,
  image: WrittenValue,
  window: NodeWindow,
): WrittenValue {
  const ones = window.kernel.map(() => 1);
  const everywhere = { kernel: window.kernel, strides: ones };
  const all = pooled(call, className, image, everywhere, "same", image.shape);
  const shape = call.outputShape();
  let result = all;
  for (const [axis, kernel] of window.kernel.entries()) {
    const [size, count] = [image.shape[axis + 2], shape[axis + 2]];
    if (typeof size !== "number" || typeof count !== "number") {
      unwritable("it pads positions whose number is open");
    }
    const first = Math.floor((kernel - 1) / 2) - (window.begin[axis] ?? 0);
    const needed = (count - 1) * (window.strides[axis] ?? 1) + 1;
    if (first < 0 || first + needed > size)
      unwritable("its padding is larger than half its window");
    result = cropped(call, result, axis + 2, first, size - first - needed);
  }
  if (window.strides.every((step) => step === 1)) return { ...result, shape };
  return pooled(call, "MaxPooling", result, { kernel: ones, strides: window.strides }, "valid");
}

const NEVER_NEGATIVE: ReadonlySet<string> = new Set(["Relu", "Sigmoid", "Softmax", "HardSigmoid"]);
const KEEPS_SIGN: ReadonlySet<string> = new Set([
  "MaxPool",
  "AveragePool",
  "Concat",
  "Dropout",
  "Identity",
  "Add",
  "Mul",
]);

/** Whether zeros around a value cannot be its maximum unless the maximum is zero. */
function isNeverNegative(call: NodeCall, name: string, depth: number): boolean {
  const node = indexOf(call.graph).producer(name);
  if (node === undefined || depth > 8) return false;
  if (NEVER_NEGATIVE.has(node.opType)) return true;
  if (node.opType === "Clip") {
    const low = constantValue(call.graph, node.input[1] ?? "");
    return low !== undefined && (readNumbers(low)[0] ?? -1) >= 0;
  }
  return (
    KEEPS_SIGN.has(node.opType) &&
    node.input
      .slice(0, node.opType === "Dropout" ? 1 : undefined)
      .every((input) => isNeverNegative(call, input, depth + 1))
  );
}

/** (N, C, positions…) → (N, C), whose axes of size 1 are left out. */
function globalPooling(kind: "Average" | "Max"): (call: NodeCall) => WrittenValue {
  return (call) => {
    const value = call.input(0);
    return reducedOver(
      call,
      kind,
      value,
      value.shape.slice(2).map((_, axis) => axis + 2),
    );
  };
}

function reduction(kind: "Average" | "Max", summed = false): (call: NodeCall) => WrittenValue {
  return (call) => {
    const value = call.input(0);
    const { node } = call;
    const rank = value.shape.length;
    const stated = intsAttribute(node, "axes") ?? (call.has(1) ? call.integers(1) : undefined);
    if (stated === undefined) unwritable("it reduces all axes, the batch among them");
    const over = stated.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
    const whole = reducedOver(call, kind, value, over);
    const count = over.reduce((all, axis) => all * Number(value.shape[axis]), 1);
    if (summed && !Number.isFinite(count)) unwritable("it sums an axis of open size");
    const scaled = summed ? call.rescaled(whole, count, 0) : whole;
    if (intAttribute(node, "keepdims", 1) === 1) return scaled;
    const left = value.shape.flatMap((_, axis) => (over.includes(axis) ? [] : [axis]));
    const axes = scaled.axes.map((axis) => left.indexOf(axis));
    return { ...scaled, shape: left.map((axis) => value.shape[axis] ?? 1), axes };
  };
}

/** The value with the axes reduced to size 1 and left out. */
function reducedOver(
  call: NodeCall,
  kind: "Average" | "Max",
  value: WrittenValue,
  over: readonly number[],
): WrittenValue {
  const [batch = 0] = value.axes;
  if (over.includes(batch)) unwritable("it reduces the batch");
  const there = value.axes.filter((axis) => over.includes(axis));
  const others = value.axes.filter((axis) => axis !== batch && !over.includes(axis));
  if (others.length === 0) unwritable("it leaves one number of each sample");
  const shape = value.shape.map((size, axis) => (over.includes(axis) ? 1 : size));
  if (there.length === 0) return { ...value, shape };
  const result = { shape, axes: [batch, ...others] };
  const placed = call.arranged(value, [batch, ...there, ...others]);
  const positions = there.length;
  const direct = others.length === 1 && positions <= (call.forTfjs ? 2 : 3);
  if (direct) {
    const config = { data_format: "channels_last" };
    return call.layer(`Global${kind}Pooling${positions}D`, [placed], result, { config });
  }
  const [count, width] = [there, others].map((axes) =>
    axes.map((axis) => value.shape[axis]).reduce<number>((all, size) => all * Number(size), 1),
  );
  if (!Number.isFinite(count) || !Number.isFinite(width))
    unwritable("it reduces axes of open size");
  const flat = call.list.reshape(placed.layer, [value.shape[batch] ?? "N", count ?? 1, width ?? 1]);
  const layer = call.list.add({
    className: `Global${kind}Pooling1D`,
    stem: call.stem,
    config: { data_format: "channels_last" },
    inputs: [flat],
    shape: [value.shape[batch] ?? "N", width ?? 1],
  });
  const sizes = result.axes.map((axis) => shape[axis] ?? 1);
  return { ...result, layer: call.list.reshape(layer, sizes) };
}

const onlyFirst = () => [0];

export const poolingWriters: readonly NodeWriter[] = [
  { opTypes: ["MaxPool"], write: pooling("MaxPooling") },
  { opTypes: ["AveragePool"], write: pooling("AveragePooling") },
  { opTypes: ["GlobalAveragePool"], write: globalPooling("Average") },
  { opTypes: ["GlobalMaxPool"], write: globalPooling("Max") },
  { opTypes: ["ReduceMean"], reads: onlyFirst, write: reduction("Average") },
  { opTypes: ["ReduceMax"], reads: onlyFirst, write: reduction("Max") },
  { opTypes: ["ReduceSum"], reads: onlyFirst, write: reduction("Average", true) },
];
