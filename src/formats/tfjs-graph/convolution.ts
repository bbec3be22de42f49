import type { AttributeValue } from "../../graph/attributes.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { Size } from "../layers/layer-value.ts";
import { fusedActivation } from "./activation.ts";
import { absentBias, biasBehind } from "./bias.ts";
import { CHANNEL_LIST, type ConstantLayout, DEPTHWISE_KERNEL, KERNEL } from "./constant-layout.ts";
import {
  type ImageWindow,
  imageAttributes,
  imageInput,
  imagePositions,
  readWindow,
} from "./image.ts";
import type { Operand, Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { ConstantUse, TensorValue } from "./tensor-value.ts";

interface Filter {
  readonly use: ConstantUse;
  readonly window: readonly number[];
  readonly group: number;
  readonly outputs: number;
}

/** (h, w, in, out); where the image has more channels than in, they are convolved in groups. */
function convolutionFilter(operation: Operation, channels: Size): Filter | undefined {
  const filter = constantFilter(operation, KERNEL);
  if (filter === undefined) return undefined;
  const [height = 1, width = 1, inputs = 1, outputs = 1] = filter.dims;
  const all = channels ?? inputs;
  const group = all / inputs;
  if (!Number.isInteger(group) || outputs % group !== 0) {
    operation.refuse(`its filter of shape [${filter.dims}] does not fit ${all} channels`);
  }
  return { use: filter.use, window: [height, width], group, outputs };
}

/** (h, w, C, m): each channel by itself, with m kernels. */
function depthwiseFilter(operation: Operation, channels: Size): Filter | undefined {
  const filter = constantFilter(operation, DEPTHWISE_KERNEL);
  if (filter === undefined) return undefined;
  const [height = 1, width = 1, inputs = 1, multiplier = 1] = filter.dims;
  if (channels !== null && channels !== inputs) {
    operation.refuse(`its filter of shape [${filter.dims}] does not fit ${channels} channels`);
  }
  return { use: filter.use, window: [height, width], group: inputs, outputs: inputs * multiplier };
}

function constantFilter(operation: Operation, layout: ConstantLayout) {
  const { constant } = operation.input(1);
  if (constant === undefined) return undefined;
  if (constant.dims.length !== 4 || constant.dims.includes(0)) {
    operation.refuse(`its filter has shape [${constant.dims}]; four sizes are needed`);
  }
  return { use: operation.constant(1, layout) as ConstantUse, dims: constant.dims };
}

/** As the node states it, or as the nodes around it make it. */
function convolutionWindow(
  operation: Operation,
  kernel: readonly number[],
): ImageWindow | undefined {
  const dilation = operation.context.dilations.get(operation.node.name);
  if (dilation === undefined) return readWindow(operation, kernel);
  const { steps: dilations, pads: explicit } = dilation;
  return { kernel, strides: kernel.map(() => 1), dilations, padding: "valid", explicit };
}

type ReadFilter = (operation: Operation, channels: Size) => Filter | undefined;

/** The convolution with the given bias; undefined where its filter is computed while it runs. */
function convolved(operation: Operation, read: ReadFilter, bias: (filters: number) => Operand) {
  const image = imageInput(operation);
  const filter = read(operation, image.channels);
  const window = filter && convolutionWindow(operation, filter.window);
  if (filter === undefined || window === undefined) return undefined;
  const { use, group, outputs } = filter;
  const attributes: Record<string, AttributeValue> = {
    ...imageAttributes(image.positions, window),
    ...(group === 1 ? {} : { group: { int: group } }),
  };
  const value = operation.add("main", "Conv", [image.value, use, bias(outputs)], attributes);
  return image.result(value, outputs, imagePositions(image.positions, window));
}

function plainConvolution(read: ReadFilter): OperationRule["build"] {
  return (operation) => {
    const result = convolved(
      operation,
      read,
      (filters) => biasBehind(operation, filters) ?? absentBias(),
    );
    return result && [result];
  };
}

/** A convolution that adds a bias and applies an activation, which fused_ops names in this order. */
function fusedConvolution(read: ReadFilter): OperationRule["build"] {
  return (operation) => {
    const [first, activation, ...others] = operation.attributes.words("fused_ops");
    const bias = operation.input(2).constant;
    if (first !== "BiasAdd" || bias === undefined || others.length > 0) return undefined;
    const result = convolved(operation, read, (filters) => {
      // TensorFlow's optimizer fuses sums with whatever meets the result from the right.
      const perChannel = bias.dims.at(-1) === filters && elementCount(bias.dims) === filters;
      if (!perChannel || bias.dims.length > 4) {
        operation.refuse(`its bias has shape [${bias.dims}]; [${filters}] is needed`);
      }
      return operation.constant(2, CHANNEL_LIST) as ConstantUse;
    });
    const activated = result && fusedActivation(operation, activation, result, 3);
    return activated && [activated];
  };
}

/**
 * The gradient of a convolution with respect to its input, of the size that the first input states:
 * (n − 1)·s + k − begin − end + extra. "SAME" cuts both ends off, the odd one behind.
 */
function transposedConvolution(operation: Operation): readonly TensorValue[] | undefined {
  const sizes = operation.input(0).elements;
  const image = imageInput(operation, 2);
  const filter = constantFilter(operation, KERNEL);
  const window = filter && readWindow(operation, filter.dims.slice(0, 2));
  if (filter === undefined || window === undefined || sizes?.length !== 4) return undefined;
  if (window.explicit !== undefined || window.dilations.some((step) => step !== 1))
    return undefined;
  const wanted = image.result("", 1, [1, 1]).moved ? sizes.slice(1, 3) : sizes.slice(2);
  const total = window.kernel.map((size, axis) => {
    const [positions, result] = [image.positions[axis] ?? null, wanted[axis] ?? null];
    if (positions === null || result === null) return undefined;
    return (positions - 1) * (window.strides[axis] ?? 1) + size - result;
  });
  if (total.includes(undefined)) return undefined;
  const cut = (total as number[]).map((size) => Math.max(size, 0));
  const extra = (total as number[]).map((size) => Math.max(-size, 0));
  if (extra.some((size, axis) => size >= (window.strides[axis] ?? 1))) {
    operation.refuse(`its result of sizes [${wanted}] is larger than its window can make it`);
  }
  const begin = cut.map((size) => Math.floor(size / 2));
  const end = cut.map((size, axis) => size - (begin[axis] ?? 0));
  const outputs = filter.dims[2] ?? 1;
  const bias = biasBehind(operation, outputs) ?? absentBias();
  const value = operation.add("main", "ConvTranspose", [image.value, filter.use, bias], {
    kernel_shape: { ints: window.kernel },
    strides: { ints: window.strides },
    ...(cut.some((size) => size > 0) ? { pads: { ints: [...begin, ...end] } } : {}),
    ...(extra.some((size) => size > 0) ? { output_padding: { ints: extra } } : {}),
  });
  return [image.result(value, outputs, wanted)];
}

export const convolutionOperators: readonly OperationRule[] = [
  { operators: ["Conv2D"], build: plainConvolution(convolutionFilter) },
  {
    operators: ["DepthwiseConv2dNative", "DepthwiseConv2d"],
    build: plainConvolution(depthwiseFilter),
  },
  { operators: ["_FusedConv2D"], build: fusedConvolution(convolutionFilter) },
  { operators: ["FusedDepthwiseConv2dNative"], build: fusedConvolution(depthwiseFilter) },
  { operators: ["Conv2DBackpropInput"], build: transposedConvolution },
];
