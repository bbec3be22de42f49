import type { Tensor } from "../../graph/tensor.ts";
import { datasetTensor } from "../hdf5/tensor.ts";
import { groupAt, type Hdf5Group, nodeAt } from "../hdf5/tree.ts";
import { kerasGroupNames } from "../layers/keras-order.ts";
import type { ModelConfig } from "../layers/model-config.ts";
import type { WeightStore } from "../layers/weight-store.ts";

/** Groups in which a model has its layers'; TensorFlow's Keras 2.13 called it otherwise. */
const LAYER_GROUPS = ["layers", "_layer_checkpoint_dependencies"] as const;

/** Paths of the layers' groups in model.weights.h5, by the layers' paths. */
export type LayerGroups = ReadonlyMap<string, readonly string[]>;

/**
 * Finds the groups of a model's layers and of those of the models in it. A group tells its layer's name
 * since Keras 3.5; before, only its place among the layers of its class does.
 */
export function layerGroups(root: Hdf5Group, model: ModelConfig): LayerGroups {
  const found = new Map<string, readonly string[]>();
  const visit = (config: ModelConfig, path: readonly string[], group: readonly string[]) => {
    const container = containerOf(root, group);
    const told = namesTold(groupAt(root, container));
    const counted = kerasGroupNames(config);
    for (const layer of config.layers) {
      const key = told.get(layer.name) ?? counted.get(layer.name);
      if (key === undefined) continue;
      const [layerPath, layerGroup] = [
        [...path, layer.name],
        [...container, key],
      ];
      found.set(layerPath.join("/"), layerGroup);
      if (layer.model !== undefined) visit(layer.model, layerPath, layerGroup);
    }
  };
  visit(model, [], []);
  return found;
}

/** The path of the group that holds the layers of the model at a path. */
export function containerOf(root: Hdf5Group, model: readonly string[]): readonly string[] {
  const name = LAYER_GROUPS.find((each) => groupAt(root, [...model, each]) !== undefined);
  return [...model, name ?? LAYER_GROUPS[0]];
}

/** Groups by the names of their layers; a name that two groups tell is no help. */
function namesTold(container: Hdf5Group | undefined): Map<string, string> {
  const told = new Map<string, string>();
  const twice = new Set<string>();
  for (const [key, child] of container?.children ?? []) {
    const name = groupAt(child, ["vars"])?.attributes.get("name")?.values[0];
    if (typeof name !== "string") continue;
    if (told.has(name)) twice.add(name);
    told.set(name, key);
  }
  for (const name of twice) told.delete(name);
  return told;
}

/**
 * The weights in model.weights.h5: the variables of a layer under vars/0, vars/1, … in the order in
 * which Keras made them. State of seed generators has groups of its own, which nobody asks for.
 */
export class ArchiveWeights implements WeightStore {
  readonly #groups: LayerGroups;
  readonly #places = new Map<string, readonly string[]>();
  readonly #tensors = new Map<string, Tensor>();

  constructor(
    readonly root: Hdf5Group,
    model: ModelConfig,
  ) {
    this.#groups = layerGroups(root, model);
  }

  /** Where the datasets of the tensors that were found lie, by the tensors' names. */
  get places(): ReadonlyMap<string, readonly string[]> {
    return this.#places;
  }

  find(path: readonly string[], weight: string, index: number): Tensor | undefined {
    for (const group of this.#groupsOf(path)) {
      const place = [...group, "vars", String(index)];
      const node = nodeAt(this.root, place);
      if (node?.kind !== "dataset") continue;
      const known = this.#tensors.get(place.join("/"));
      if (known !== undefined) return known;
      const name = `${path.join("/")}/${weight}`;
      const tensor = datasetTensor(name, node, place.join("/"));
      this.#tensors.set(place.join("/"), tensor);
      this.#places.set(name, place);
      return tensor;
    }
    return undefined;
  }

  /**
   * The groups that may hold a layer's variables. Parts of a layer that are layers themselves lie in
   * its group under the names of the attributes that hold them, a recurrent layer's cell too.
   */
  #groupsOf(path: readonly string[]): readonly (readonly string[])[] {
    for (let length = path.length; length > 0; length--) {
      const group = this.#groups.get(path.slice(0, length).join("/"));
      if (group === undefined) continue;
      const inside = path.slice(length);
      const [part = ""] = inside;
      const held = inside.length === 1 ? heldAs(part).map((each) => [...group, each]) : [];
      return [[...group, ...inside], ...held].flatMap((each) => [each, [...each, "cell"]]);
    }
    return [];
  }
}

/** The attributes that may hold a part of a layer: the layer of a wrapper, a product of attention. */
function heldAs(part: string): readonly string[] {
  const [direction] = /^(forward|backward)(?=_)/.exec(part) ?? [];
  if (direction !== undefined) return [`${direction}_layer`];
  const product = part.replace(/^attention_/, "");
  return ["layer", `${product}_dense`, `_${product}_dense`];
}
