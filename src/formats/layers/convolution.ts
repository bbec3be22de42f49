import { activated } from "./activation.ts";
import { knownSize, type LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue, Size } from "./layer-value.ts";
import { permuted, type WeightLayout } from "./weight-layout.ts";
import {
  imageOf,
  type Window,
  windowAttributes,
  windowPadding,
  windowPositions,
} from "./window.ts";

/** (k…, in, out) as ONNX has it, (out, in, k…). */
function kernelLayout(axes: number): WeightLayout {
  return permuted([axes + 1, axes, ...Array.from({ length: axes }, (_, axis) => axis)]);
}

/** (k…, C, m) as the kernel of a convolution in C groups, (C·m, 1, k…). */
function depthwiseLayout(axes: number): WeightLayout {
  const order = [axes, axes + 1, ...Array.from({ length: axes }, (_, axis) => axis)];
  return permuted(order, ([channels = 1, multiplier = 1, ...kernel]) => [
    channels * multiplier,
    1,
    ...kernel,
  ]);
}

function readWindow(call: LayerCall, axes: number): Window {
  const { fields } = call;
  const padding = windowPadding(call);
  if (padding === "causal" && axes !== 1) fields.refuse("padding", '"valid" or "same"');
  return {
    kernel: fields.sizes("kernel_size", axes),
    strides: fields.sizes("strides", axes, 1),
    dilations: fields.sizes("dilation_rate", axes, 1),
    padding,
  };
}

function convolution(axes: number): (call: LayerCall) => LayerValue {
  return (call) => {
    const image = imageOf(call, axes);
    const window = readWindow(call, axes);
    const filters = call.fields.size("filters");
    const group = call.fields.size("groups", 1);
    const channels = knownSize(call, image.channels, "the number of its input's channels");
    if (channels % group !== 0 || filters % group !== 0) {
      call.refuse(
        `groups is ${group}, which does not divide ${channels} channels and ${filters} filters`,
      );
    }
    const kernel = call.weight("kernel", [...window.kernel, channels / group, filters], {
      layout: kernelLayout(axes),
      sizes: { filters: -1 },
    });
    const bias = call.weight("bias", [filters], { flag: "use_bias" });
    const value = call.add("main", "Conv", [image.value, kernel, bias], {
      ...windowAttributes(image.positions, window),
      ...(group === 1 ? {} : { group: { int: group } }),
    });
    const positions = windowPositions(image.positions, window);
    return activated(call, image.result(value, filters, positions));
  };
}

/** Each channel is convolved by itself, with depth_multiplier kernels. */
function depthwise(axes: number): (call: LayerCall) => LayerValue {
  return (call) => {
    const image = imageOf(call, axes);
    const window = readWindow(call, axes);
    const channels = knownSize(call, image.channels, "the number of its input's channels");
    const multiplier = call.fields.size("depth_multiplier", 1);
    const kernel = depthwiseKernel(call, window, channels, multiplier);
    const bias = call.weight("bias", [channels * multiplier], { flag: "use_bias" });
    const value = call.add("main", "Conv", [image.value, kernel, bias], {
      ...windowAttributes(image.positions, window),
      group: { int: channels },
    });
    const positions = windowPositions(image.positions, window);
    return activated(call, image.result(value, channels * multiplier, positions));
  };
}

function depthwiseKernel(call: LayerCall, window: Window, channels: number, multiplier: number) {
  return call.weight("depthwise_kernel", [...window.kernel, channels, multiplier], {
    layout: depthwiseLayout(window.kernel.length),
    alias: "kernel",
  });
}

/** A depthwise convolution and a pointwise one behind it. */
function separable(axes: number): (call: LayerCall) => LayerValue {
  return (call) => {
    const image = imageOf(call, axes);
    const window = readWindow(call, axes);
    const filters = call.fields.size("filters");
    const channels = knownSize(call, image.channels, "the number of its input's channels");
    const multiplier = call.fields.size("depth_multiplier", 1);
    const kernel = depthwiseKernel(call, window, channels, multiplier);
    const ones = window.kernel.map(() => 1);
    const pointwise = call.weight("pointwise_kernel", [...ones, channels * multiplier, filters], {
      layout: kernelLayout(axes),
      sizes: { filters: -1 },
    });
    const bias = call.weight("bias", [filters], { flag: "use_bias" });
    const inner = call.add("depthwise", "Conv", [image.value, kernel], {
      ...windowAttributes(image.positions, window),
      group: { int: channels },
    });
    const value = call.add("main", "Conv", [inner, pointwise, bias], {
      kernel_shape: { ints: ones },
    });
    const positions = windowPositions(image.positions, window);
    return activated(call, image.result(value, filters, positions));
  };
}

/**
 * The gradient of a convolution as a layer, with a kernel of (k…, out, in). With "valid" the result
 * has (n − 1)·s + k positions, or n·s where k < s; with "same" it has n·s, and what is too much is cut off at both ends,
 * the odd one behind.
 */
function transposed(axes: number): (call: LayerCall) => LayerValue {
  return (call) => {
    const image = imageOf(call, axes);
    const window = readWindow(call, axes);
    const { fields } = call;
    if (fields.has("output_padding")) fields.refuse("output_padding", "null");
    if (window.dilations.some((step) => step !== 1)) fields.refuse("dilation_rate", "1");
    const filters = fields.size("filters");
    const channels = knownSize(call, image.channels, "the number of its input's channels");
    const kernel = call.weight("kernel", [...window.kernel, filters, channels], {
      layout: kernelLayout(axes),
      sizes: { filters: -2 },
    });
    const bias = call.weight("bias", [filters], { flag: "use_bias" });
    // (n − 1)·s + k − begin − end + extra = the wanted size.
    const excess = window.kernel.map((size, axis) => size - (window.strides[axis] ?? 1));
    const same = window.padding === "same";
    const begin = excess.map((size) => (same ? Math.floor(Math.max(size, 0) / 2) : 0));
    const end = excess.map((size, axis) => (same ? Math.max(size, 0) - (begin[axis] ?? 0) : 0));
    const extra = excess.map((size) => Math.max(-size, 0));
    const value = call.add("main", "ConvTranspose", [image.value, kernel, bias], {
      kernel_shape: { ints: window.kernel },
      strides: { ints: window.strides },
      ...([...begin, ...end].some((size) => size > 0)
        ? { pads: { ints: [...begin, ...end] } }
        : {}),
      ...(extra.some((size) => size > 0) ? { output_padding: { ints: extra } } : {}),
    });
    const positions = image.positions.map((size, axis): Size => {
      if (size === null) return null;
      return size * (window.strides[axis] ?? 1) + (same ? 0 : Math.max(excess[axis] ?? 0, 0));
    });
    return activated(call, image.result(value, filters, positions));
  };
}

export const convolutionLayers: readonly LayerRule[] = [
  { classNames: ["Conv1D", "Convolution1D"], build: convolution(1) },
  { classNames: ["Conv2D", "Convolution2D"], build: convolution(2) },
  { classNames: ["Conv3D", "Convolution3D"], build: convolution(3) },
  { classNames: ["DepthwiseConv1D"], build: depthwise(1) },
  { classNames: ["DepthwiseConv2D"], build: depthwise(2) },
  { classNames: ["SeparableConv1D"], build: separable(1) },
  { classNames: ["SeparableConv2D"], build: separable(2) },
  { classNames: ["Conv1DTranspose"], build: transposed(1) },
  { classNames: ["Conv2DTranspose"], build: transposed(2) },
  { classNames: ["Conv3DTranspose"], build: transposed(3) },
];
