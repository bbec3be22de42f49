import { InputError } from "../../graph/input-error.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { datasetTensor } from "../hdf5/tensor.ts";
import { groupAt, type Hdf5Group, nodeAt } from "../hdf5/tree.ts";
import { NamedWeights, type WeightStore } from "../layers/weight-store.ts";
import { nameList } from "./name-lists.ts";
import type { WeightPlaceH5 } from "./source.ts";

/**
 * The weights below model_weights: a group for each layer of the outermost model, whose attribute
 * weight_names lists the datasets of the layer, and of the layers in it where it is a model itself.
 */
export class H5Weights implements WeightStore {
  readonly #layers = new Map<string, NamedWeights>();
  readonly #places = new Map<string, WeightPlaceH5>();
  readonly #tensors = new Map<Tensor, Tensor>();

  constructor(weights: Hdf5Group) {
    for (const layer of nameList(weights, "layer_names", "model_weights")) {
      const group = groupAt(weights, layer.split("/"));
      if (group === undefined) throw new InputError(`model_weights has no group ${layer}`);
      this.#layers.set(layer, new NamedWeights(layerTensors(group, layer)));
    }
  }

  /** Where the tensors that were found lie, by the tensors' names. */
  get places(): ReadonlyMap<string, WeightPlaceH5> {
    return this.#places;
  }

  find(path: readonly string[], weight: string, index: number): Tensor | undefined {
    const [layer = ""] = path;
    const own = this.#layers.get(layer);
    const stored = own?.find(path, weight, index) ?? only(own, path, weight);
    if (stored === undefined) return undefined;
    const known = this.#tensors.get(stored);
    if (known !== undefined) return known;
    const tensor = { ...stored, name: `${path.join("/")}/${weight}` };
    this.#tensors.set(stored, tensor);
    this.#places.set(tensor.name, { layer, name: stored.name });
    return tensor;
  }
}

/** A layer that was renamed has weights under its former name; there is only one of each then. */
function only(
  own: NamedWeights | undefined,
  path: readonly string[],
  weight: string,
): Tensor | undefined {
  if (path.length !== 1) return undefined;
  const named = own?.tensors.filter(({ name }) => lastPart(name) === weight) ?? [];
  return named.length === 1 ? named[0] : undefined;
}

function lastPart(name: string): string {
  return (name.split("/").at(-1) ?? "").replace(/:0$/, "");
}

function layerTensors(group: Hdf5Group, layer: string): Tensor[] {
  return nameList(group, "weight_names", `model_weights/${layer}`).map((name) => {
    const path = `model_weights/${layer}/${name}`;
    const node = nodeAt(group, name.split("/"));
    if (node?.kind !== "dataset") throw new InputError(`there is no dataset ${path}`);
    return datasetTensor(name, node, path);
  });
}
