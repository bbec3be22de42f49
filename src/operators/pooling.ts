import { intsAttribute } from "../graph/attributes.ts";
import { DataType } from "../graph/data-type.ts";
import { changeNode } from "../graph/edit.ts";
import { elementCount, float32Tensor } from "../graph/tensor.ts";
import { averagePoolGradient } from "./average-pool-gradient.ts";
import { addNode, copyNode, multiply, reshape, zeros } from "./emit.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  ShapeRule,
  TrainingForwardRule,
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

/** Known where input 2 states it. */
const unpoolShape: ShapeRule = (context) => {
  const input = context.input(0);
  return input === undefined ? [] : [withShape(input, context.elements(2))];
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
  // Not ScatterND: its addition is a data race on the CPU when positions repeat.
  const flat = [elementCount(context.outputShape(0))];
  const sum = builder.add(
    "ScatterElements",
    [
      zeros(builder, [elementCount(shape)]),
      reshape(builder, indices, flat),
      reshape(builder, gradient, flat),
    ],
    { attributes: { axis: { int: 0 }, reduction: { string: "add" } } },
  );
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
  { opType: "MaxUnpool", inferShapes: unpoolShape },
  { opType: "LpPool", inferShapes: poolShape },
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
  { opType: "GlobalLpPool", inferShapes: globalPoolShape },
];
