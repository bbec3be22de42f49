import { activationLayers } from "./activation.ts";
import { attentionLayers } from "./attention.ts";
import { convolutionLayers } from "./convolution.ts";
import { denseLayers } from "./dense.ts";
import { einsumDenseLayers } from "./einsum-dense.ts";
import { embeddingLayers } from "./embedding.ts";
import type { LayerRule } from "./layer-rule.ts";
import { mergingLayers } from "./merging.ts";
import { multiHeadAttentionLayers } from "./multi-head-attention.ts";
import { noiseLayers } from "./noise.ts";
import { normalizationLayers } from "./normalization.ts";
import { operationLayers } from "./operations.ts";
import { poolingLayers } from "./pooling.ts";
import { preprocessingLayers } from "./preprocessing.ts";
import { recurrentLayers } from "./recurrent.ts";
import { reshapingLayers } from "./reshaping.ts";
import { resizingLayers } from "./resizing.ts";
import { sampleNormalizationLayers } from "./sample-normalization.ts";
import { maskingLayers } from "./sequence-mask.ts";
import { spectralNormalizationLayers } from "./spectral-normalization.ts";
import { wrappingLayers } from "./wrapping.ts";

/** Every layer that can be read; one family a file. */
export const layerRules: readonly LayerRule[] = [
  ...denseLayers,
  ...convolutionLayers,
  ...normalizationLayers,
  ...sampleNormalizationLayers,
  ...preprocessingLayers,
  ...activationLayers,
  ...noiseLayers,
  ...poolingLayers,
  ...reshapingLayers,
  ...resizingLayers,
  ...mergingLayers,
  ...embeddingLayers,
  ...recurrentLayers,
  ...maskingLayers,
  ...wrappingLayers,
  ...spectralNormalizationLayers,
  ...einsumDenseLayers,
  ...attentionLayers,
  ...multiHeadAttentionLayers,
  ...operationLayers,
];

const table = new Map(
  layerRules.flatMap((rule) => rule.classNames.map((name) => [name, rule] as const)),
);

export function layerRule(className: string): LayerRule | undefined {
  return table.get(className);
}
