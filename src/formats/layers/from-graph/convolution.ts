import { intAttribute, intsAttribute, stringAttribute } from "../../../graph/attributes.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import { cropped } from "./cropping.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { unwritable } from "./unwritable.ts";
import { floats, requireFloat, turnedWeight, vectorWeight, weight, withDims } from "./weights.ts";
import { type NodeWindow, nodeWindow, paddingWord, zeroPadded } from "./window.ts";
import type { WrittenWeight } from "./written-layer.ts";
import type { WrittenValue } from "./written-value.ts";

/** (N, C, positions…) → ZeroPadding where Keras has no word for the pads, then a convolution. */
function convolution(call: NodeCall): WrittenValue {
  const value = call.input(0);
  const kernel = call.weight(1, "kernel");
  requireFloat(kernel);
  const axes = imageAxes(kernel);
  const sizes = value.shape.slice(2);
  const window = nodeWindow(call, kernel.dims.slice(2), sizes);
  const strided = window.strides.some((step) => step > 1);
  if (strided && window.dilations.some((step) => step > 1)) {
    unwritable("it has strides and dilations, of which a layer takes one");
  }
  const word = paddingWord(window, sizes);
  const image = call.channelsLast(value);
  const padded = word === undefined ? zeroPadded(call, image, window.begin, window.end) : image;
  const filters = kernel.dims[0] ?? 1;
  const common = {
    kernel_size: window.kernel,
    strides: window.strides,
    padding: word ?? "valid",
    dilation_rate: window.dilations,
    data_format: "channels_last",
    use_bias: call.has(2),
    activation: "linear",
  };
  const bias = biasOf(call, 2, filters);
  const shape = call.outputShape();
  const form = layerForm(call, kernel, axes, Number(value.shape[1]));
  const weights = [form.kernel, ...bias];
  const config = { ...common, ...form.fields };
  return call.layer(form.className, [padded], { shape, axes: image.axes }, { config, weights });
}

function imageAxes(kernel: Tensor): number {
  const axes = kernel.dims.length - 2;
  if (axes < 1 || axes > 3) unwritable(`it has ${axes} axes of positions; layers have 1 to 3`);
  return axes;
}

function biasOf(call: NodeCall, input: number, filters: number): WrittenWeight[] {
  if (!call.has(input)) return [];
  return [vectorWeight("bias", call.weight(input, "bias"), filters)];
}

/** The kernel (out, in / groups, k…) as the layer has it that fits its groups. */
function layerForm(call: NodeCall, kernel: Tensor, axes: number, channels: number) {
  const [filters = 1] = kernel.dims;
  const group = intAttribute(call.node, "group", 1);
  const places = Array.from({ length: axes }, (_, axis) => axis + 2);
  const inner = [...places, 1, 0];
  if (group > 1 && group === channels && (axes === 2 || (axes === 1 && !call.forTfjs))) {
    const multiplier = filters / channels;
    const joined = withDims(kernel, [channels, multiplier, ...kernel.dims.slice(2)]);
    const name = "depthwise_kernel";
    return {
      className: `DepthwiseConv${axes}D`,
      kernel: turnedWeight(name, { ...joined, name: kernel.name }, [...places, 0, 1]),
      fields: { depth_multiplier: multiplier },
    };
  }
  const className = `Conv${axes}D`;
  if (group === 1) {
    return { className, kernel: turnedWeight("kernel", kernel, inner), fields: { filters } };
  }
  if (!call.forTfjs) {
    const fields = { filters, groups: group };
    return { className, kernel: turnedWeight("kernel", kernel, inner), fields };
  }
  // TensorFlow.js has no groups: each filter gets zeros for the channels it does not see.
  const whole = { ...kernel, dims: [filters, channels, ...kernel.dims.slice(2)] };
  const spread = spreadGroups(kernel, group);
  const turned = turnedWeight("kernel", { ...whole, data: spread.tensor.data }, inner);
  return { className, kernel: turned, fields: { filters } };
}

/** The kernel of one group, (out, in / g, k…) with zeros where g groups do not touch, (out, in, k…). */
function spreadGroups(kernel: Tensor, group: number): WrittenWeight {
  const [filters = 1, inputs = 1, ...sizes] = kernel.dims;
  const positions = sizes.reduce((all, size) => all * size, 1);
  const row = inputs * positions;
  return weight("kernel", [filters, inputs * group, ...sizes], () => {
    const numbers = floats(kernel);
    const spread = new Float32Array(filters * row * group);
    for (let filter = 0; filter < filters; filter++) {
      const owner = Math.floor(filter / (filters / group));
      const part = numbers.subarray(filter * row, (filter + 1) * row);
      spread.set(part, (filter * group + owner) * row);
    }
    return spread;
  });
}

/**
 * The gradient of a convolution as a layer: (n − 1)·s + k positions with "valid", of which pads are
 * cut off. The kernel (in, out / groups, k…) becomes (k…, out, in).
 */
function transposed(call: NodeCall): WrittenValue {
  const value = call.input(0);
  const kernel = call.weight(1, "kernel");
  requireFloat(kernel);
  const axes = imageAxes(kernel);
  if (call.forTfjs && axes === 1) unwritable("TensorFlow.js has no Conv1DTranspose layer");
  const { window, extra } = transposedWindow(call, kernel);
  const group = intAttribute(call.node, "group", 1);
  const [inputs = 1, each = 1] = kernel.dims;
  const filters = each * group;
  const whole = group === 1 ? kernel : spreadTransposed(kernel, group);
  const places = window.kernel.map((_, axis) => axis + 2);
  const weights = [turnedWeight("kernel", whole, [...places, 1, 0]), ...biasOf(call, 2, filters)];
  const grown = window.kernel.map((size, axis) => Math.max(size - (window.strides[axis] ?? 1), 0));
  const same = grown.every(
    (size, axis) =>
      window.begin[axis] === Math.floor(size / 2) &&
      window.end[axis] === size - Math.floor(size / 2) &&
      (extra[axis] ?? 0) === Math.max((window.strides[axis] ?? 1) - (window.kernel[axis] ?? 1), 0),
  );
  const config = {
    filters,
    kernel_size: window.kernel,
    strides: window.strides,
    padding: same ? "same" : "valid",
    data_format: "channels_last",
    use_bias: call.has(2),
    activation: "linear",
  };
  const image = call.channelsLast({ ...value, shape: value.shape.with(1, inputs) });
  const wanted = call.outputShape();
  const cuts = same ? undefined : cutsOf(window, extra);
  const shape = wanted.map((size, axis) => {
    const cut = cuts?.[axis - 2];
    return cut === undefined || typeof size !== "number" ? size : size + cut[0] + cut[1];
  });
  let result: WrittenValue = call.layer(
    `Conv${axes}DTranspose`,
    [image],
    { shape, axes: image.axes },
    { config, weights },
  );
  for (const [axis, [before, after]] of (cuts ?? []).entries()) {
    result = cropped(call, result, axis + 2, before, after);
  }
  return { ...result, shape: wanted };
}

function transposedWindow(call: NodeCall, kernel: Tensor) {
  const { node } = call;
  if (!["NOTSET", "VALID", ""].includes(stringAttribute(node, "auto_pad", "NOTSET"))) {
    unwritable("its padding is automatic");
  }
  const window = nodeWindow(call, kernel.dims.slice(2), []);
  if (window.dilations.some((step) => step > 1)) unwritable("it has dilations");
  if (intsAttribute(node, "output_shape") !== undefined) unwritable("it states its output's shape");
  const extra = intsAttribute(node, "output_padding") ?? window.kernel.map(() => 0);
  return { window, extra };
}

/** What to cut off "valid", which has max(k, s) − s positions more than s for each of the input's. */
function cutsOf(window: NodeWindow, extra: readonly number[]): [number, number][] {
  return window.kernel.map((size, axis) => {
    const added = Math.max((window.strides[axis] ?? 1) - size, 0);
    const after = (window.end[axis] ?? 0) - (extra[axis] ?? 0) + added;
    if (after < 0) unwritable("its output_padding makes more positions than the layer has");
    return [window.begin[axis] ?? 0, after];
  });
}

/** (in, out / g, k…) with zeros where g groups do not touch, (in, out, k…). */
function spreadTransposed(kernel: Tensor, group: number): Tensor {
  const [inputs = 1, each = 1, ...sizes] = kernel.dims;
  const grouped = spreadGroups(kernel, group);
  return { ...grouped.tensor, dims: [inputs, each * group, ...sizes] };
}

export const convolutionWriters: readonly NodeWriter[] = [
  { opTypes: ["Conv"], write: convolution },
  { opTypes: ["ConvTranspose"], write: transposed },
];
