import { intAttribute, intsAttribute, stringAttribute } from "../../../graph/attributes.ts";
import type { Dimension } from "../../../graph/builder.ts";
import { reach, samePadding } from "../window.ts";
import type { NodeCall } from "./node-call.ts";
import { unwritable } from "./unwritable.ts";
import { layerSizes, type WrittenValue } from "./written-value.ts";

/** A window that slides over positions, with the padding at either end of each axis. */
export interface NodeWindow {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begin: readonly number[];
  readonly end: readonly number[];
}

/** @param sizes of the positions, where they are known. */
export function nodeWindow(
  call: NodeCall,
  kernel: readonly number[],
  sizes: readonly Dimension[],
): NodeWindow {
  const { node } = call;
  const ones = kernel.map(() => 1);
  const strides = intsAttribute(node, "strides") ?? ones;
  const dilations = intsAttribute(node, "dilations") ?? ones;
  const automatic = stringAttribute(node, "auto_pad", "NOTSET");
  const stated = intsAttribute(node, "pads") ?? [...ones, ...ones].fill(0);
  const plain = { kernel, strides, dilations, begin: ones.map(() => 0), end: ones.map(() => 0) };
  if (automatic === "VALID") return plain;
  if (automatic === "NOTSET" || automatic === "") {
    const pads = { begin: stated.slice(0, kernel.length), end: stated.slice(kernel.length) };
    if (stated.some((pad) => pad < 0)) unwritable("it has negative padding");
    return { ...plain, ...pads };
  }
  const totals = kernel.map((_, axis) => sameTotal(plain, sizes, axis));
  const less = totals.map((total) => Math.floor(total / 2));
  const more = totals.map((total, axis) => total - (less[axis] ?? 0));
  return automatic === "SAME_UPPER"
    ? { ...plain, begin: less, end: more }
    : { ...plain, begin: more, end: less };
}

/** What TensorFlow's "same" pads in all. */
function sameTotal(window: NodeWindow, sizes: readonly Dimension[], axis: number): number {
  const stride = window.strides[axis] ?? 1;
  const size = stride === 1 ? 1 : sizes[axis];
  if (typeof size !== "number") unwritable("it pads by a size that is open");
  return samePadding(size, stride, reach(window, axis));
}

/** What Keras calls this padding; undefined where it has no word for it. */
export function paddingWord(
  window: NodeWindow,
  sizes: readonly Dimension[],
): "valid" | "same" | undefined {
  const { begin, end, strides } = window;
  if ([...begin, ...end].every((pad) => pad === 0)) return "valid";
  const same = begin.every((before, axis) => {
    if (strides[axis] !== 1 && typeof sizes[axis] !== "number") return false;
    const total = sameTotal(window, sizes, axis);
    return before === Math.floor(total / 2) && end[axis] === total - before;
  });
  return same ? "same" : undefined;
}

/** Zeros around the positions of an image with its channels last. */
export function zeroPadded(
  call: NodeCall,
  image: WrittenValue,
  begin: readonly number[],
  end: readonly number[],
): WrittenValue {
  const shape = image.shape.map((size, axis): Dimension => {
    const extra = axis < 2 ? 0 : (begin[axis - 2] ?? 0) + (end[axis - 2] ?? 0);
    return typeof size === "number" || extra === 0 ? plus(size, extra) : `${size}+${extra}`;
  });
  const pairs = begin.map((before, axis) => [before, end[axis] ?? 0]);
  const rank = begin.length;
  const options = { stem: `${call.stem}_pad` };
  const result = { shape, axes: image.axes };
  if (rank === 2) {
    const config = { padding: pairs };
    return call.layer("ZeroPadding2D", [image], result, { ...options, config });
  }
  if (!call.forTfjs) {
    const config = { padding: rank === 1 ? (pairs[0] as number[]) : pairs };
    return call.layer(`ZeroPadding${rank}D`, [image], result, { ...options, config });
  }
  if (rank !== 1) unwritable("its padding needs a layer that TensorFlow.js does not have");
  // TensorFlow.js pads images only: (N, T, C) is an image of one column.
  const [batch = "N", length = 1, channels = 1] = layerSizes(image);
  const column = call.list.reshape(image.layer, [batch, length, 1, channels]);
  const [padded = length] = shape.slice(2);
  const layer = call.list.add({
    ...options,
    className: "ZeroPadding2D",
    config: { padding: [pairs[0] as number[], [0, 0]] },
    inputs: [column],
    shape: [batch, padded, 1, channels],
  });
  return { ...result, layer: call.list.reshape(layer, [batch, padded, channels]) };
}

function plus(size: Dimension, extra: number): Dimension {
  return typeof size === "number" ? size + extra : size;
}

/** Whether a pooling rounds the number of its results up. */
export function ceils(call: NodeCall): boolean {
  return intAttribute(call.node, "ceil_mode", 0) === 1;
}
