import { DataType } from "../../graph/data-type.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import { DIFFERING_MASKS, type LayerValue } from "./layer-value.ts";
import {
  channelsLast,
  imageOf,
  windowAttributes,
  windowPadding,
  windowPositions,
} from "./window.ts";

/** Averages leave out the padding, as TensorFlow's do and ONNX's by default. */
function pooling(opType: "MaxPool" | "AveragePool", axes: number): (call: LayerCall) => LayerValue {
  return (call) => {
    const image = imageOf(call, axes);
    const kernel = call.fields.sizes("pool_size", axes, 2);
    const window = {
      kernel,
      strides: call.fields.has("strides") ? call.fields.sizes("strides", axes) : kernel,
      dilations: kernel.map(() => 1),
      padding: windowPadding(call),
    };
    const attributes = windowAttributes(image.positions, window);
    const value = call.add("main", opType, [image.value], attributes);
    return image.result(value, image.channels, windowPositions(image.positions, window));
  };
}

/** One number for each channel, without the axes of positions unless keepdims says so. */
function globalPooling(
  opType: "GlobalMaxPool" | "GlobalAveragePool",
  axes: number,
): (call: LayerCall) => LayerValue {
  return (call) => {
    const { mask } = call.input;
    // TensorFlow.js averages over all steps.
    if (mask !== undefined && axes === 1 && opType === "GlobalAveragePool") {
      if (call.context.dialect !== "tfjs") return maskedMean(call, mask);
    }
    const image = imageOf(call, axes);
    if (call.fields.boolean("keepdims", false)) {
      const value = call.add("main", opType, [image.value]);
      return image.result(
        value,
        image.channels,
        image.positions.map(() => 1),
      );
    }
    const pooled = call.add("pool", opType, [image.value]);
    const value = call.add("main", "Flatten", [pooled]);
    const shape = [image.batch, image.channels];
    return { ...call.input, value, shape, moved: false, mask: undefined };
  };
}

/** The mean of the steps that count: Σ m·x / Σ m. */
function maskedMean(call: LayerCall, mask: string): LayerValue {
  if (mask === DIFFERING_MASKS) call.cannotExpress("its input is masked in several ways");
  if (!channelsLast(call)) call.cannotExpress("its input is masked along its channels");
  const input = call.inFileOrder(call.input);
  const { builder } = call;
  const factors = call.add("masked/factors", "Cast", [mask], { to: { int: DataType.FLOAT } });
  const column = call.add("masked/column", "Unsqueeze", [factors, builder.ints([2])]);
  const kept = call.add("masked/kept", "Mul", [input.value, column]);
  const keepdims = { int: call.fields.boolean("keepdims", false) ? 1 : 0 };
  const steps = builder.ints([1]);
  const sum = call.add("masked/sum", "ReduceSum", [kept, steps], { keepdims });
  const count = call.add("masked/count", "ReduceSum", [column, steps], { keepdims });
  const [batch = null, , channels = null] = input.shape;
  const shape = keepdims.int === 1 ? [batch, 1, channels] : [batch, channels];
  return { ...input, value: call.add("main", "Div", [sum, count]), shape, mask: undefined };
}

export const poolingLayers: readonly LayerRule[] = [1, 2, 3].flatMap((axes): LayerRule[] => [
  { classNames: [`MaxPooling${axes}D`, `MaxPool${axes}D`], build: pooling("MaxPool", axes) },
  {
    classNames: [`AveragePooling${axes}D`, `AvgPool${axes}D`],
    build: pooling("AveragePool", axes),
  },
  {
    classNames: [`GlobalMaxPooling${axes}D`, `GlobalMaxPool${axes}D`],
    build: globalPooling("GlobalMaxPool", axes),
  },
  {
    classNames: [`GlobalAveragePooling${axes}D`, `GlobalAvgPool${axes}D`],
    build: globalPooling("GlobalAveragePool", axes),
    keepsMask: axes === 1,
  },
]);
