import { intsAttribute, stringAttribute } from "../../../graph/attributes.ts";
import type { NodeCall } from "./node-call.ts";
import type { NodeWriter } from "./node-writer.ts";
import { unwritable } from "./unwritable.ts";
import type { WrittenValue } from "./written-value.ts";

/** Whole factors for the positions; a layer has no others. */
function resize(call: NodeCall): WrittenValue {
  const { node } = call;
  const value = call.input(0);
  const shape = call.outputShape();
  const factors = value.shape.map((size, axis) =>
    typeof size === "number" ? Number(shape[axis]) / size : 1,
  );
  const positions = factors.slice(2);
  const rank = positions.length;
  const open = value.shape.slice(2).some((size) => typeof size !== "number");
  if (open || rank < 1 || rank > 3 || factors[1] !== 1 || intsAttribute(node, "axes")) {
    unwritable("it resizes other axes than those of images, or open sizes");
  }
  if (!positions.every((factor) => Number.isInteger(factor) && factor >= 1)) {
    unwritable(`it resizes by ${positions.join("×")}; layers repeat whole numbers of times`);
  }
  if (call.forTfjs && rank !== 2) unwritable("TensorFlow.js resizes images of two axes only");
  const image = call.channelsLast(value);
  const interpolation = interpolationOf(call, rank);
  const size = rank === 1 ? (positions[0] ?? 1) : positions;
  const config = {
    size,
    data_format: "channels_last",
    ...(rank === 2 ? { interpolation } : {}),
  };
  return call.layer(`UpSampling${rank}D`, [image], { shape, axes: image.axes }, { config });
}

/**
 * For whole factors s, nearest reads position ⌊i/s⌋ under each of these rules: asymmetric with floor,
 * and half_pixel, (i + ½)/s − ½ rounded, which never lies halfway. Bilinear is half_pixel in Keras
 * and i/s in TensorFlow.js.
 */
function interpolationOf(call: NodeCall, rank: number): string {
  const { node } = call;
  const mode = stringAttribute(node, "mode", "nearest");
  const place = stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
  const rounding = stringAttribute(node, "nearest_mode", "round_prefer_floor");
  const centred = place === "half_pixel" || place === "pytorch_half_pixel";
  if (mode === "nearest") {
    const floored = node.opType === "Upsample" || (place === "asymmetric" && rounding === "floor");
    const rounded = centred && rounding.startsWith("round");
    if (!floored && !rounded) unwritable(`it reads positions by ${place} and ${rounding}`);
    return "nearest";
  }
  if (mode !== "linear" || rank !== 2) unwritable(`it interpolates by ${mode}`);
  const fits = call.forTfjs ? place === "asymmetric" : centred;
  if (!fits) {
    const target = call.forTfjs ? "TensorFlow.js" : "Keras";
    unwritable(`it interpolates at positions (${place}) that ${target} has no layer for`);
  }
  return "bilinear";
}

export const resizingWriters: readonly NodeWriter[] = [
  { opTypes: ["Resize", "Upsample"], reads: () => [0], write: resize },
];
