import { floatAttribute, intAttribute, intsAttribute } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { addNode, meanOver, multiply, multiplyAlong, nonzeroNorm, scale, sumOver } from "./emit.ts";
import type {
  GradientContext,
  GradientRule,
  OperatorRule,
  TrainingForwardRule,
} from "./operator.ts";
import { normalize, throughNormalization } from "./sample-normalization.ts";
import { positiveAxis, rangeOf } from "./shape-algebra.ts";
import { likeInput } from "./shape-rules.ts";

/* Operators that divide numbers by a norm of their neighbours, without parameters or with a scale. */

/** y = x/‖x‖ₚ: (g − ∂‖x‖·Σ g·y)/‖x‖ with ∂‖x‖ = y for p = 2 and sign(x) for p = 1. */
const lpNormalizationGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, outputs, node } = context;
  const [x = "", y = ""] = [inputs[0], outputs[0]];
  const axis = positiveAxis(intAttribute(node, "axis", -1), context.inputShape(0).length);
  const first = intAttribute(node, "p", 2) === 1;
  const norm = builder.add(first ? "ReduceL1" : "ReduceL2", [x, builder.ints([axis])], {
    attributes: { keepdims: { int: 1 } },
  });
  // A vector of zeros stays one and gets no gradient.
  const divisor = nonzeroNorm(builder, norm);
  const slope = first ? builder.add("Sign", [x]) : y;
  const along = sumOver(builder, multiply(builder, gradient, y), [axis], true);
  const rest = builder.add("Sub", [gradient, multiply(builder, slope, along)]);
  return [builder.add("Div", [rest, divisor])];
};

/** (x − μ)/σ over the axes, by default those of (N, C, H, W) but the channel's. */
const meanVarianceGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, node } = context;
  const rank = context.inputShape(0).length;
  const axes = (intsAttribute(node, "axes") ?? [0, 2, 3]).map((axis) => positiveAxis(axis, rank));
  // ONNX adds 1e-9 to σ; ε = 0 would divide by 0 where all numbers are equal.
  const normalized = normalize(builder, inputs[0] ?? "", axes, 1e-18);
  return [throughNormalization(builder, gradient, normalized, axes)];
};

/** The channels that channel c is divided by: c − ⌊(size − 1)/2⌋ to c + ⌈(size − 1)/2⌉. */
function neighbours(builder: GraphBuilder, channels: number, size: number, backwards: boolean) {
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  return builder.shared(`neighbours:${channels}:${size}:${backwards}`, (name) => {
    const values = rangeOf(channels * channels).map((position) => {
      const [row, column] = [Math.floor(position / channels), position % channels];
      const distance = backwards ? row - column : column - row;
      return distance >= -before && distance <= after ? 1 : 0;
    });
    return float32Tensor(name, [channels, channels], Float32Array.from(values));
  });
}

/**
 * Local response normalization (A. Krizhevsky et al., 2012): y = x·s^(−β) with
 * s = bias + α/size·Σ x² over neighbouring channels, so
 *
 *   ∂L/∂x = g·s^(−β) − 2αβ/size·x·Σ g·x·s^(−β−1), over the channels whose neighbour x is.
 */
const localResponseGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs, node } = context;
  const [x = ""] = inputs;
  const shape = context.inputShape(0);
  const channels = shape[1] ?? 1;
  const size = intAttribute(node, "size", 1);
  const [alpha, beta] = [floatAttribute(node, "alpha", 1e-4), floatAttribute(node, "beta", 0.75)];
  const around = (value: string, backwards: boolean) =>
    multiplyAlong(
      builder,
      value,
      shape,
      1,
      neighbours(builder, channels, size, backwards),
      channels,
    );
  const squares = scale(builder, around(multiply(builder, x, x), false), alpha / size);
  const base = builder.add("Add", [squares, builder.scalar(floatAttribute(node, "bias", 1))]);
  const power = builder.add("Pow", [base, builder.scalar(-beta)]);
  const direct = multiply(builder, gradient, power);
  const shared = around(builder.add("Div", [multiply(builder, direct, x), base]), true);
  const indirect = multiply(builder, x, scale(builder, shared, (2 * alpha * beta) / size));
  return [builder.add("Sub", [direct, indirect])];
};

function normalizedAxes(context: Pick<GradientContext, "node" | "inputShape">): number[] {
  const rank = context.inputShape(0).length;
  const axis = positiveAxis(intAttribute(context.node, "axis", -1), rank);
  return rangeOf(rank - axis, axis);
}

/** Newer than STEP_OPSET, so written out: r = 1/√(mean(x²) + ε), x̂ = x·r, y = x̂·scale. */
const rootMeanSquareForward: TrainingForwardRule = (context) => {
  const { builder, inputs, outputs } = context;
  const [x = "", weight = ""] = inputs;
  const mean = meanOver(builder, multiply(builder, x, x), normalizedAxes(context));
  const epsilon = builder.scalar(floatAttribute(context.node, "epsilon", 1e-5));
  const root = builder.add("Sqrt", [builder.add("Add", [mean, epsilon])]);
  const inverse = builder.add("Reciprocal", [root]);
  const normalized = multiply(builder, x, inverse);
  context.save("inverse", inverse);
  context.save("normalized", normalized);
  addNode(builder, "Mul", [normalized, weight], outputs);
};

/** With h = g·scale (B. Zhang and R. Sennrich, 2019): ∂L/∂x = r·(h − x̂·mean(h·x̂)). */
const rootMeanSquareGradient: GradientRule = (context, [gradient]) => {
  if (gradient === undefined) return [];
  const { builder, inputs } = context;
  const normalized = context.saved("normalized");
  const ofInput = () => {
    const scaled = multiply(builder, gradient, inputs[1] ?? "");
    const product = multiply(builder, scaled, normalized);
    const mean = meanOver(builder, product, normalizedAxes(context));
    const rest = builder.add("Sub", [scaled, multiply(builder, normalized, mean)]);
    return multiply(builder, rest, context.saved("inverse"));
  };
  return [
    context.needs(0) ? ofInput() : undefined,
    context.needs(1) ? multiply(builder, gradient, normalized) : undefined,
  ];
};

export const normDivisionRules: readonly OperatorRule[] = [
  { opType: "LpNormalization", inferShapes: likeInput(), gradient: lpNormalizationGradient },
  {
    opType: "MeanVarianceNormalization",
    inferShapes: likeInput(),
    gradient: meanVarianceGradient,
  },
  { opType: "LRN", inferShapes: likeInput(), gradient: localResponseGradient },
  {
    opType: "RMSNormalization",
    inferShapes: likeInput(),
    trainingForward: rootMeanSquareForward,
    gradient: rootMeanSquareGradient,
  },
];
