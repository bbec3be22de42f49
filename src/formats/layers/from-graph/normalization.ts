import { floatAttribute, intAttribute } from "../../../graph/attributes.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { unwritable } from "./unwritable.ts";
import { requireFloat, vectorWeight } from "./weights.ts";
import type { WrittenValue } from "./written-value.ts";
import { plainOrder } from "./written-value.ts";

/** y = γ·(x − μ)/√(σ² + ε) + β over axis 1. momentum has the same direction in Keras. */
function batchNormalization(call: NodeCall): WrittenValue {
  const { node } = call;
  if (intAttribute(node, "training_mode", 0) === 1) {
    unwritable("it normalizes by the batch's own statistics at inference, too");
  }
  const value = call.input(0);
  // Wherever the channels come last already, the order of the other axes does not matter.
  const placed = value.axes.at(-1) === 1 ? value : call.channelsLast(value);
  const names = ["gamma", "beta", "moving_mean", "moving_variance"];
  const channels = call.weight(1, "scale").dims[0] ?? 1;
  const weights = names.map((name, index) =>
    vectorWeight(name, call.weight(index + 1, name), channels),
  );
  const config = {
    axis: -1,
    epsilon: floatAttribute(node, "epsilon", 1e-5),
    momentum: floatAttribute(node, "momentum", 0.9),
    center: true,
    scale: true,
  };
  return call.layer("BatchNormalization", [placed], placed, { config, weights });
}

/** y = γ·(x − μ)/√(σ² + ε) + β over the last axes of each sample. */
function layerNormalization(call: NodeCall): WrittenValue {
  const { node } = call;
  const value = call.input(0);
  const rank = value.shape.length;
  const stated = intAttribute(node, "axis", -1);
  const first = stated < 0 ? stated + rank : stated;
  const last = plainOrder(rank).slice(first);
  if ((node.output[1] ?? "") !== "" || (node.output[2] ?? "") !== "") {
    unwritable("it also returns its statistics");
  }
  const before = value.axes.filter((axis) => axis < first);
  const placed = call.arranged(value, [...before, ...last]);
  const gamma = call.weight(1, "scale");
  requireFloat(gamma);
  const weights = [{ name: "gamma", tensor: gamma }];
  if (call.has(2)) {
    const beta = call.weight(2, "bias");
    requireFloat(beta);
    weights.push({ name: "beta", tensor: beta });
  }
  const counted = last.map((_, position) => before.length + position);
  const config = {
    axis: counted.length > 1 ? counted : -1,
    epsilon: floatAttribute(node, "epsilon", 1e-5),
    center: call.has(2),
    scale: true,
  };
  return call.layer("LayerNormalization", [placed], placed, { config, weights });
}

/**
 * y = γ·(x − μ)/√(σ² + ε) + β with the statistics of groups of axis 1 in each sample (Wu & He 2018);
 * with a group for each channel it is instance normalization (Ulyanov et al. 2016).
 */
function groupNormalization(call: NodeCall): WrittenValue {
  if (call.forTfjs) unwritable("TensorFlow.js has no normalization of groups or instances");
  const { node } = call;
  const value = call.input(0);
  const channels = value.shape[1];
  if (typeof channels !== "number") return unwritable("the number of its channels is open");
  const placed = value.axes.at(-1) === 1 ? value : call.channelsLast(value);
  const names = ["gamma", "beta"];
  const weights = names.map((name, index) =>
    vectorWeight(name, call.weight(index + 1, name), channels),
  );
  const config = {
    groups: intAttribute(node, "num_groups", channels),
    axis: -1,
    epsilon: floatAttribute(node, "epsilon", 1e-5),
    center: true,
    scale: true,
  };
  return call.layer("GroupNormalization", [placed], placed, { config, weights });
}

export const normalizationWriters: readonly NodeWriter[] = [
  { opTypes: ["BatchNormalization"], write: batchNormalization },
  { opTypes: ["LayerNormalization"], write: layerNormalization },
  { opTypes: ["GroupNormalization", "InstanceNormalization"], write: groupNormalization },
];
