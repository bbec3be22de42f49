import { isList } from "./json.ts";
import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import type { LayerValue } from "./layer-value.ts";

/** Noise that ONNX has no operator for: nothing at inference, and left out while training. */
const atTrainingOnly = (call: LayerCall): LayerValue => call.elementwise("main", "Identity");

/** rate is the probability to drop, as in ONNX; the layer does nothing at inference. */
function dropout(call: LayerCall): LayerValue {
  const rate = call.fields.number("rate");
  if (rate < 0 || rate > 1) call.fields.refuse("rate", "a number from 0 to 1");
  // Noise that positions share, such as the drop of whole samples in EfficientNet.
  const noiseShape = call.fields.value("noise_shape") ?? [];
  if (!isList(noiseShape) || noiseShape.some((size) => size !== null)) return atTrainingOnly(call);
  const ratio = call.constant("rate", [], [rate]);
  return { ...call.input, value: call.add("main", "Dropout", [call.input.value, ratio]) };
}

export const noiseLayers: readonly LayerRule[] = [
  { classNames: ["Dropout"], build: dropout, keepsMask: true, anyTimeOrder: true },
  {
    classNames: [
      "SpatialDropout1D",
      "SpatialDropout2D",
      "SpatialDropout3D",
      "GaussianNoise",
      "GaussianDropout",
      "AlphaDropout",
      "ActivityRegularization",
      "Identity",
    ],
    build: atTrainingOnly,
    keepsMask: true,
    anyTimeOrder: true,
  },
];
