import { type NodeRole, withRole, withRoleList, withRoleNumber } from "../../graph/node-role.ts";
import { isList, type Json } from "./json.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import { type LayerValue, valueAxis } from "./layer-value.ts";
import { channelsLast, shapeText } from "./window.ts";

/** Nothing at all, at inference as while training. */
const passedOn = (call: LayerCall): LayerValue => call.elementwise("main", "Identity");

/**
 * Noise that ONNX has no operator for: an Identity whose role says what training does there (see
 * operators/layer-noise.ts).
 *
 * @param shared axes in the file's order along which one draw counts for all positions.
 */
function noise(
  call: LayerCall,
  role: NodeRole,
  strength: number,
  shared: readonly number[] = [],
): LayerValue {
  const { input } = call;
  const axes = shared.map((axis) => valueAxis(input, axis)).sort((a, b) => a - b);
  const output = call.builder.freshName(`${call.path.join("/")}/main`);
  call.addNode({
    part: "main",
    opType: "Identity",
    inputs: [input.value],
    outputs: [output],
    noted: (node) =>
      withRoleList(withRoleNumber(withRole(node, role), "strength", strength), "shared", axes),
  });
  return { ...input, value: output };
}

/** The probability to drop. */
function rateOf(call: LayerCall): number {
  const rate = call.fields.number("rate");
  return rate < 0 || rate > 1 ? call.fields.refuse("rate", "a number from 0 to 1") : rate;
}

/**
 * The axes along which noise of the config's `noise_shape` is shared: those of size 1 in it, lined up
 * with the input's at the right, where a size of null is the input's own.
 */
function sharedAxes(call: LayerCall): readonly number[] {
  const { shape } = call.input;
  const stated: Json = call.fields.value("noise_shape") ?? null;
  if (stated === null) return [];
  if (!isList(stated) || stated.length > shape.length) {
    return call.fields.refuse("noise_shape", `a list of ${shape.length} sizes`);
  }
  const sizes = [...new Array<Json>(shape.length - stated.length).fill(1), ...stated];
  return shape.flatMap((own, axis) => {
    const size = sizes[axis] ?? null;
    if (size === 1 && own !== 1) return [axis];
    // What only the run knows, the batch above all, is taken to be what is stated.
    if (size === null || own === null || size === own) return [];
    return call.fields.refuse("noise_shape", `1 or null where [${shapeText(shape)}] has ${own}`);
  });
}

/** rate is the probability to drop, as in ONNX; the layer does nothing at inference. */
function dropout(call: LayerCall): LayerValue {
  const rate = rateOf(call);
  const shared = sharedAxes(call);
  // Positions that share their noise, such as those of whole samples in EfficientNet.
  if (shared.length > 0) return noise(call, "shared-dropout", rate, shared);
  const ratio = call.constant("rate", [], [rate]);
  return { ...call.input, value: call.add("main", "Dropout", [call.input.value, ratio]) };
}

/** Whole channels are dropped: noise is shared along every axis but the batch and the channels. */
function spatialDropout(call: LayerCall): LayerValue {
  const { shape } = call.input;
  if (shape.length < 3) {
    call.refuse(
      `its input has shape [${shapeText(shape)}]; axes between batch and channels are needed`,
    );
  }
  const channels = channelsLast(call) ? shape.length - 1 : 1;
  const shared = shape.map((_, axis) => axis).filter((axis) => axis !== 0 && axis !== channels);
  return noise(call, "shared-dropout", rateOf(call), shared);
}

function gaussianNoise(call: LayerCall): LayerValue {
  const deviation = call.fields.number("stddev");
  if (deviation < 0) call.fields.refuse("stddev", "a number from 0 on");
  return noise(call, "added-noise", deviation);
}

/** The layers of this file leave shapes, masks and orders of axes as they are. */
const noiseLayer = (
  classNames: readonly string[],
  build: (call: LayerCall) => LayerValue,
): LayerRule => ({ classNames, build, keepsMask: true, anyTimeOrder: true });

export const noiseLayers: readonly LayerRule[] = [
  noiseLayer(["Dropout"], dropout),
  noiseLayer(["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"], spatialDropout),
  noiseLayer(["GaussianNoise"], gaussianNoise),
  noiseLayer(["GaussianDropout"], (call) => noise(call, "gaussian-dropout", rateOf(call))),
  noiseLayer(["AlphaDropout"], (call) =>
    noise(call, "alpha-dropout", rateOf(call), sharedAxes(call)),
  ),
  noiseLayer(["ActivityRegularization", "Identity"], passedOn),
];
