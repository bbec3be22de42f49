import type { AttributeValue } from "../../graph/attributes.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerValue, Size } from "./layer-value.ts";

/** A window that slides over positions: of a convolution or a pooling. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** "valid", "same" or "causal". */
  readonly padding: string;
}

export function windowPadding(call: LayerCall): string {
  const padding = call.fields.string("padding", "valid").toLowerCase();
  if (padding !== "valid" && padding !== "same" && padding !== "causal") {
    call.fields.refuse("padding", '"valid" or "same"');
  }
  return padding;
}

/** True where the layer's own axis of channels is the last one. */
export function channelsLast(call: LayerCall): boolean {
  // Files of TensorFlow.js have the word in its own spelling.
  const format = call.fields
    .string("data_format", "channels_last")
    .replace("channelsLast", "channels_last");
  if (format === "channels_last") return true;
  if (format === "channels_first" || format === "channelsFirst") return false;
  return call.fields.refuse("data_format", '"channels_last" or "channels_first"');
}

/** An image as ONNX has it: (N, C, positions…). */
export interface Image {
  readonly value: string;
  readonly batch: Size;
  readonly channels: Size;
  readonly positions: readonly Size[];
  /** The result's value, in the layout of the layer. */
  result(value: string, channels: Size, positions: readonly Size[]): LayerValue;
}

/** @throws InputError where the input has not the given number of axes of positions. */
export function imageOf(call: LayerCall, axes: number): Image {
  const { input } = call;
  const rank = axes + 2;
  if (input.shape.length !== rank) {
    call.refuse(`its input has shape [${shapeText(input.shape)}]; ${rank} axes are needed`);
  }
  if (channelsLast(call)) {
    const [batch = null, ...rest] = input.shape;
    return {
      value: call.channelsFirst(input),
      batch,
      channels: rest.at(-1) ?? null,
      positions: rest.slice(0, -1),
      result: (value, channels, positions) => {
        checkPositions(call, positions);
        return { ...input, value, moved: true, shape: [batch, ...positions, channels] };
      },
    };
  }
  const plain = call.inFileOrder(input);
  const [batch = null, channels = null, ...positions] = input.shape;
  return {
    value: plain.value,
    batch,
    channels,
    positions,
    result: (value, outputs, places) => {
      checkPositions(call, places);
      return { ...plain, value, shape: [batch, outputs, ...places] };
    },
  };
}

function checkPositions(call: LayerCall, positions: readonly Size[]): void {
  if (positions.some((size) => size !== null && size < 1)) {
    call.refuse(`its window is larger than its input; the result would be [${positions}]`);
  }
}

export function shapeText(shape: readonly Size[]): string {
  return shape.map((size) => size ?? "?").join(",");
}

/** The positions of the result of a window; TensorFlow's "same" is ⌈size / stride⌉. */
export function windowPositions(positions: readonly Size[], window: Window): Size[] {
  return positions.map((size, axis) => {
    if (size === null) return null;
    const stride = window.strides[axis] ?? 1;
    if (window.padding !== "valid") return Math.ceil(size / stride);
    return Math.floor((size - reach(window, axis)) / stride) + 1;
  });
}

/**
 * Attributes of ONNX for a window. "same" pads the odd one of its places behind; it is written out
 * where the sizes are known, for rules that need numbers.
 */
export function windowAttributes(
  positions: readonly Size[],
  window: Window,
): Record<string, AttributeValue> {
  const { kernel, strides, dilations, padding } = window;
  const common = {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
    ...(dilations.every((step) => step === 1) ? {} : { dilations: { ints: dilations } }),
  };
  if (padding === "valid") return common;
  if (padding === "causal") return { ...common, pads: { ints: [reach(window, 0) - 1, 0] } };
  if (positions.includes(null) && strides.some((stride) => stride > 1)) {
    return { ...common, auto_pad: { string: "SAME_UPPER" } };
  }
  const totals = kernel.map((_, axis) => {
    const stride = strides[axis] ?? 1;
    return samePadding(positions[axis] ?? stride, stride, reach(window, axis));
  });
  const before = totals.map((total) => Math.floor(total / 2));
  const after = totals.map((total, axis) => total - (before[axis] ?? 0));
  return totals.every((total) => total === 0)
    ? common
    : { ...common, pads: { ints: [...before, ...after] } };
}

/** The places from the first to the last that a window sees: (k − 1)·d + 1. */
export function reach(
  { kernel, dilations }: Pick<Window, "kernel" | "dilations">,
  axis: number,
): number {
  return ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1;
}

/** max((⌈n/s⌉ − 1)·s + reach − n, 0): what TensorFlow's "same" pads in all. */
export function samePadding(size: number, stride: number, windowReach: number): number {
  return Math.max((Math.ceil(size / stride) - 1) * stride + windowReach - size, 0);
}
