import type { LayerCall } from "./layer-call.ts";
import type { LayerRule } from "./layer-rule.ts";
import { innerLayer } from "./wrapping.ts";

/**
 * W/σ(W) with the largest singular value σ (Miyato et al. 2018). Keras stores the weight divided: each
 * training step of its own divides it anew, and at inference the layer is the one inside.
 */
function spectralNormalization(call: LayerCall) {
  const layer = innerLayer(call, "layer");
  const rule = call.context.rule(layer.className);
  if (rule === undefined) {
    return call.cannotExpress(`NormLens does not know the class ${layer.className} inside it`);
  }
  return rule.build(call.wrapped(layer, layer.name, call.inputs));
}

export const spectralNormalizationLayers: readonly LayerRule[] = [
  { classNames: ["SpectralNormalization"], build: spectralNormalization },
];
