import { DataType } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import { memoryTensor, type Tensor } from "../../graph/tensor.ts";
import { datasetTensor } from "../hdf5/tensor.ts";
import { groupAt, type Hdf5Dataset, type Hdf5Group, nodeAt } from "../hdf5/tree.ts";
import { NamedWeights, type WeightStore } from "../layers/weight-store.ts";
import { nameList } from "./name-lists.ts";
import type { WeightPlaceH5 } from "./source.ts";

interface StoredDataset {
  readonly dataset: Hdf5Dataset;
  /** The dataset's path in the file. */
  readonly place: string;
}

/**
 * The weights below model_weights: a group for each layer of the outermost model, whose attribute
 * weight_names lists the datasets of the layer, and of the layers in it where it is a model itself.
 */
export class H5Weights implements WeightStore {
  readonly #layers = new Map<string, NamedWeights>();
  readonly #places = new Map<string, WeightPlaceH5>();
  readonly #datasets = new Map<Tensor, StoredDataset>();
  readonly #tensors = new Map<Tensor, Tensor>();

  constructor(weights: Hdf5Group) {
    for (const layer of nameList(weights, "layer_names", "model_weights")) {
      const group = groupAt(weights, layer.split("/"));
      if (group === undefined) throw new InputError(`model_weights has no group ${layer}`);
      this.#layers.set(layer, new NamedWeights(this.#listed(group, layer)));
    }
  }

  /** Where the tensors that were found lie, by the tensors' names. */
  get places(): ReadonlyMap<string, WeightPlaceH5> {
    return this.#places;
  }

  /** The datasets of a layer by name. Their numbers are looked at when they are asked for: a count is none. */
  #listed(group: Hdf5Group, layer: string): Tensor[] {
    return nameList(group, "weight_names", `model_weights/${layer}`).map((name) => {
      const place = `model_weights/${layer}/${name}`;
      const dataset = nodeAt(group, name.split("/"));
      if (dataset?.kind !== "dataset") throw new InputError(`there is no dataset ${place}`);
      const listed = memoryTensor(name, dataset.shape, DataType.UNDEFINED, dataset.bytes);
      this.#datasets.set(listed, { dataset, place });
      return listed;
    });
  }

  find(path: readonly string[], weight: string, index: number): Tensor | undefined {
    const [layer = ""] = path;
    const own = this.#layers.get(layer);
    const stored = own?.find(path, weight, index) ?? only(own, path, weight);
    if (stored === undefined) return undefined;
    const known = this.#tensors.get(stored);
    if (known !== undefined) return known;
    const { dataset, place } = this.#datasets.get(stored) as StoredDataset;
    const tensor = datasetTensor(`${path.join("/")}/${weight}`, dataset, place);
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
