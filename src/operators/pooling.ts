import { intsAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import { changeNode } from "../graph/edit.ts";
import { elementCount, float32Tensor } from "../graph/tensor.ts";
import { averagePoolGradient } from "./average-pool-gradient.ts";
import { addNode, copyNode, multiply, reshape, scatterSum } from "./emit.ts";
import { globalLpPoolGradient, lpPoolGradient } from "./lp-pool.ts";
import {
  type GradientContext,
  type GradientRule,
  type OperatorRule,
  type ShapeRule,
  type TrainingForwardRule,
  UNKNOWN_SIZE,
} from "./operator.ts";
import { shapeOfFirst, withShape } from "./shape-rules.ts";
import { windowOf, windowOutputSizes } from "./window.ts";

const poolShape: ShapeRule = (context) => {
  const input = context.input(0);
  const kernel = intsAttribute(context.node, "kernel_shape");
  if (input === undefined || kernel === undefined) return [];
  const [batch, channels, ...sizes] = input.shape;
  if (batch === undefined || channels === undefined || sizes.length !== kernel.length) return [];
  const pooled = withShape(input, [
    batch,
    channels,
    ...windowOutputSizes(context.node, kernel, sizes),
  ]);
  return [pooled, pooled && { dataType: DataType.INT64, shape: pooled.shape }];
};

const globalPoolShape = shapeOfFirst((shape) => shape.map((size, axis) => (axis < 2 ? size : 1)));

/** As input 2 states it, or the size that the pooling came from: s·(H − 1) + k − begin − end. */
const unpoolShape: ShapeRule = (context) => {
  const input = context.input(0);
  const kernel = intsAttribute(context.node, "kernel_shape");
  if (input === undefined) return [];
  if ((context.node.input[2] ?? "") !== "") return [withShape(input, context.elements(2))];
  if (kernel === undefined) return [];
  const { strides, begin, end } = windowOf(context.node, kernel, []);
  const shape = input.shape.map((size, position) => {
    const axis = position - 2;
    if (axis < 0) return size;
    const padding = (begin[axis] ?? 0) + (end[axis] ?? 0);
    return typeof size === "number"
      ? (size - 1) * (strides[axis] ?? 1) + (kernel[axis] ?? 1) - padding
      : UNKNOWN_SIZE;
  });
  return [withShape(input, shape)];
};

/** Each input gets the gradient of the place that it was put to. */
const unpoolGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const shape = context.inputShape(0);
  const flat = [elementCount(shape)];
  const values = reshape(builder, gradient, [elementCount(context.outputShape(0))]);
  const positions = reshape(builder, inputs[1] ?? "", flat);
  const taken = builder.add("GatherElements", [values, positions]);
  return [reshape(builder, taken, shape)];
};

/**
 * The forward pass also asks for the position of each maximum, so that a tie goes to one input
 * only, as in PyTorch. Comparing X with Y afterwards would count flat regions several times.
 */
const maxPoolForward: TrainingForwardRule = (context) => {
  const { builder, node, inputs, outputs } = context;
  const given = outputs[1] ?? "";
  const indices = given === "" ? builder.freshName("indices") : given;
  context.save("indices", indices);
  // Positions must count in row-major order, whatever the model does with its own.
  const attribute = node.attribute.filter(({ name }) => name !== "storage_order");
  copyNode(builder, changeNode(node, { attribute }), inputs, [outputs[0] ?? "", indices]);
};

/** One window over the whole image: MaxPool then tells where the maximum was. */
const globalMaxPoolForward: TrainingForwardRule = (context) => {
  const indices = context.builder.freshName("indices");
  context.save("indices", indices);
  const kernel = context.inputShape(0).slice(2);
  const outputs = [context.outputs[0] ?? "", indices];
  addNode(context.builder, "MaxPool", context.inputs, outputs, { kernel_shape: { ints: kernel } });
};

/** ∂L/∂X holds each ∂L/∂Y at the position of its maximum, summed where windows overlap. */
const maxPoolGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder } = context;
  const shape = context.inputShape(0);
  const indices = context.saved("indices");
  if (!windowsOverlap(context)) {
    // No position can come twice, so plain placement will do; it is the faster kernel.
    const kernel = shape.slice(2).map(() => 1);
    return [
      builder.add("MaxUnpool", [gradient, indices, builder.ints(shape)], {
        attributes: { kernel_shape: { ints: kernel } },
      }),
    ];
  }
  const flat = [elementCount(context.outputShape(0))];
  const positions = reshape(builder, indices, flat);
  const updates = reshape(builder, gradient, flat);
  const sum = scatterSum(builder, [elementCount(shape)], 0, positions, updates);
  return [reshape(builder, sum, shape)];
};

function windowsOverlap(context: GradientContext): boolean {
  const sizes = context.inputShape(0).slice(2);
  const kernel = intsAttribute(context.node, "kernel_shape") ?? sizes;
  const { strides, dilations } = windowOf(context.node, kernel, sizes);
  return kernel.some(
    (size, axis) => size > 1 && ((strides[axis] ?? 1) < size || (dilations[axis] ?? 1) > 1),
  );
}

/** Every input has the same share in the mean. */
const globalAveragePoolGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder } = context;
  const shape = context.inputShape(0);
  const positions = shape.slice(2);
  const key = `share:${positions}`;
  const share = builder.shared(key, (name) => {
    const count = elementCount(positions);
    return float32Tensor(name, positions, new Float32Array(count).fill(1 / count));
  });
  // Many times faster than ONNX Runtime's Expand.
  return [multiply(builder, gradient, share)];
};

export const poolingRules: readonly OperatorRule[] = [
  {
    opType: "MaxPool",
    inferShapes: poolShape,
    trainingForward: maxPoolForward,
    gradient: maxPoolGradient,
  },
  { opType: "AveragePool", inferShapes: poolShape, gradient: averagePoolGradient },
  { opType: "MaxUnpool", inferShapes: unpoolShape, gradient: unpoolGradient },
  { opType: "LpPool", inferShapes: poolShape, gradient: lpPoolGradient },
  {
    opType: "GlobalAveragePool",
    inferShapes: globalPoolShape,
    gradient: globalAveragePoolGradient,
  },
  {
    opType: "GlobalMaxPool",
    inferShapes: globalPoolShape,
    trainingForward: globalMaxPoolForward,
    gradient: maxPoolGradient,
  },
  { opType: "GlobalLpPool", inferShapes: globalPoolShape, gradient: globalLpPoolGradient },
];
