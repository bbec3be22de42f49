import { intAttribute, intsAttribute, stringAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import type { Node } from "../graph/graph.ts";
import { UNKNOWN_SIZE } from "./operator.ts";
import { staticShape } from "./shape-algebra.ts";

/**
 * The sliding window of a convolution or pooling, one entry a spatial axis.
 *
 * With input size H, extent e = (k − 1)·d + 1 and output size O, the end padding that is really
 * read is (O − 1)·s + e − H − begin; where it is negative, so many inputs are never read.
 */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begin: readonly number[];
  readonly end: readonly number[];
}

export function windowExtent(window: Window, axis: number): number {
  return ((window.kernel[axis] ?? 1) - 1) * (window.dilations[axis] ?? 1) + 1;
}

/** The window of a node with known spatial sizes; auto_pad is resolved into explicit padding. */
export function windowOf(node: Node, kernel: readonly number[], sizes: readonly number[]): Window {
  const window = explicitWindow(node, kernel);
  const mode = stringAttribute(node, "auto_pad", "NOTSET");
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") return window;
  const totals = sizes.map((size, axis) => {
    const stride = window.strides[axis] ?? 1;
    const needed = (Math.ceil(size / stride) - 1) * stride + windowExtent(window, axis) - size;
    return Math.max(needed, 0);
  });
  const less = totals.map((total) => Math.floor(total / 2));
  const more = totals.map((total) => Math.ceil(total / 2));
  return mode === "SAME_UPPER"
    ? { ...window, begin: less, end: more }
    : { ...window, begin: more, end: less };
}

/** Attributes as they stand, with padding zero for every auto_pad. */
function explicitWindow(node: Node, kernel: readonly number[]): Window {
  const rank = kernel.length;
  const ones = kernel.map(() => 1);
  const automatic = stringAttribute(node, "auto_pad", "NOTSET") !== "NOTSET";
  const pads = (automatic ? undefined : intsAttribute(node, "pads")) ?? [];
  return {
    kernel,
    strides: intsAttribute(node, "strides") ?? ones,
    dilations: intsAttribute(node, "dilations") ?? ones,
    begin: kernel.map((_, axis) => pads[axis] ?? 0),
    end: kernel.map((_, axis) => pads[axis + rank] ?? 0),
  };
}

/** Output sizes of a window over spatial sizes that may be names. */
export function windowOutputSizes(
  node: Node,
  kernel: readonly number[],
  sizes: readonly Dimension[],
): Dimension[] {
  const known = staticShape(sizes);
  if (known !== undefined) return staticOutputSizes(node, kernel, known);
  return sizes.map((size, axis) => {
    if (typeof size === "number")
      return (
        staticOutputSizes(
          node,
          kernel,
          sizes.map(() => size),
        )[axis] ?? size
      );
    return keepsSize(node, kernel, axis) ? size : UNKNOWN_SIZE;
  });
}

/** True when an axis keeps its size whatever that is: stride 1 and as much padding as extent − 1. */
function keepsSize(node: Node, kernel: readonly number[], axis: number): boolean {
  const window = explicitWindow(node, kernel);
  if (window.strides[axis] !== 1) return false;
  if (stringAttribute(node, "auto_pad", "NOTSET").startsWith("SAME")) return true;
  const padding = (window.begin[axis] ?? 0) + (window.end[axis] ?? 0);
  return padding === windowExtent(window, axis) - 1;
}

function staticOutputSizes(
  node: Node,
  kernel: readonly number[],
  sizes: readonly number[],
): number[] {
  const window = windowOf(node, kernel, sizes);
  const ceil = intAttribute(node, "ceil_mode", 0) === 1;
  return sizes.map((size, axis) => {
    const stride = window.strides[axis] ?? 1;
    const begin = window.begin[axis] ?? 0;
    const room = size + begin + (window.end[axis] ?? 0) - windowExtent(window, axis);
    if (!ceil) return Math.floor(room / stride) + 1;
    const count = Math.ceil(room / stride) + 1;
    // A window that would start in the end padding is dropped.
    return (count - 1) * stride >= size + begin ? count - 1 : count;
  });
}

/** End padding that the windows really read; negative where inputs at the end are left over. */
export function readEndPadding(
  window: Window,
  sizes: readonly number[],
  outputSizes: readonly number[],
): number[] {
  return sizes.map((size, axis) => {
    const last = ((outputSizes[axis] ?? 1) - 1) * (window.strides[axis] ?? 1);
    return last + windowExtent(window, axis) - size - (window.begin[axis] ?? 0);
  });
}
