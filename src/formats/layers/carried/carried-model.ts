import { InputError } from "../../../graph/input-error.ts";
import type { Hdf5Dataset } from "../../hdf5/tree.ts";
import type { LayersSource } from "../layers-source.ts";
import type { LayerConfig, ModelConfig } from "../model-config.ts";

/**
 * A model on its way from one format of layers into another, without a graph in between: its config and
 * each layer's weights as the file has them, those of layers that are not understood included.
 */
export interface CarriedModel {
  readonly model: ModelConfig;
  /** By the layers' paths, joined with slashes; each layer's in the order of Keras' `layer.weights`. */
  readonly weights: ReadonlyMap<string, readonly CarriedWeight[]>;
  /** "3.15.1" */
  readonly version: string;
}

export interface CarriedWeight {
  /** Which of the layer's parts it belongs to, as in LayerPart.prefix. */
  readonly prefix: string;
  /** "kernel"; its number among the part's where the file tells no name. */
  readonly name: string;
  readonly dataset: Hdf5Dataset;
}

/** The version of Keras 3 that wrote the file; files of older versions have configs of another form. */
export function keras3Version({ read }: LayersSource): string {
  const version = /^Keras (3\..*)$/.exec(read.producer)?.[1];
  if (version === undefined)
    throw new InputError(`the file is of ${read.producer}, not of Keras 3`);
  return version;
}

/** A layer with its path. */
export interface PlacedLayer {
  readonly layer: LayerConfig;
  readonly path: string;
}

/** The layers of a model and of the models in it that are no models themselves. */
export function plainLayers(model: ModelConfig, parent = ""): PlacedLayer[] {
  return model.layers.flatMap((layer): PlacedLayer[] => {
    if (layer.raw === undefined) return [];
    const path = `${parent}${layer.name}`;
    return layer.model === undefined ? [{ layer, path }] : plainLayers(layer.model, `${path}/`);
  });
}
