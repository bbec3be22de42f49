import { knownSize, type LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";

/** The normalized axes, counted from 0. */
function axesOf(call: LayerCall, rank: number): number[] {
  const axes = call.fields.has("axis") ? call.fields.integers("axis") : [-1];
  const counted = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  const distinct = new Set(counted).size === counted.length;
  if (counted.length === 0 || !distinct || counted.some((axis) => axis < 1 || axis >= rank)) {
    call.fields.refuse("axis", `an axis from 1 to ${rank - 1}`);
  }
  return counted;
}

/**
 * y = γ·(x − μ)/√(σ² + ε) + β with the running statistics at inference. momentum keeps its direction:
 * new = momentum·old + (1 − momentum)·batch, in Keras as in ONNX.
 */
function batchNormalization(call: LayerCall): LayerValue {
  const { input, fields } = call;
  const rank = input.shape.length;
  const [axis = 1, ...others] = axesOf(call, rank);
  if (others.length > 0) call.fields.refuse("axis", "one axis");
  const last = axis === rank - 1;
  if (!last && axis !== 1) {
    call.fields.refuse("axis", `the last axis or the first behind the batch`);
  }
  const channels = knownSize(call, input.shape[axis], "the number of its input's channels");
  const gamma = call.weight("gamma", [channels], { flag: "scale", absent: 1 });
  const beta = call.weight("beta", [channels], { flag: "center", absent: 0 });
  const mean = call.weight("moving_mean", [channels]);
  const variance = call.weight("moving_variance", [channels]);
  const placed = last && rank > 2 ? { ...input, moved: true } : call.inFileOrder(input);
  const x = placed.moved ? call.channelsFirst(input) : placed.value;
  const value = call.add("main", "BatchNormalization", [x, gamma, beta, mean, variance], {
    epsilon: { float: fields.number("epsilon", 1e-3) },
    momentum: { float: fields.number("momentum", 0.99) },
  });
  return { ...placed, value };
}

/** y = γ·(x − μ)/√(σ² + ε) + β over the last axes of each sample. */
function layerNormalization(call: LayerCall): LayerValue {
  if (call.fields.boolean("rms_scaling", false)) {
    call.cannotExpress("its rms_scaling leaves the mean as it is");
  }
  const input = call.inFileOrder(call.input);
  const rank = input.shape.length;
  const axes = axesOf(call, rank);
  const [first = rank - 1] = axes;
  if (first + axes.length !== rank) call.fields.refuse("axis", "the last axes, up to the last one");
  const dims = axes.map((axis) => knownSize(call, input.shape[axis], `the size of axis ${axis}`));
  const gamma = call.weight("gamma", dims, { flag: "scale", absent: 1 });
  const beta = call.weight("beta", dims, { flag: "center" });
  const value = call.add("main", "LayerNormalization", [input.value, gamma, beta], {
    axis: { int: first },
    epsilon: { float: call.fields.number("epsilon", 1e-3) },
  });
  return { ...input, value };
}

export const normalizationLayers: readonly LayerRule[] = [
  {
    classNames: ["BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2"],
    build: batchNormalization,
    keepsMask: true,
  },
  { classNames: ["LayerNormalization"], build: layerNormalization, keepsMask: true },
];
