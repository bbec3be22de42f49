import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import {
  groupAt,
  type Hdf5Group,
  nodeAt,
  textAttribute,
  withAttribute,
  withNode,
} from "../hdf5/tree.ts";
import { writeHdf5 } from "../hdf5/write.ts";
import {
  type CarriedModel,
  type CarriedWeight,
  keras3Version,
} from "../layers/carried/carried-model.ts";
import { layerParts } from "../layers/carried/layer-parts.ts";
import { isOperation, kerasOrder } from "../layers/keras-order.ts";
import type { LayerConfig } from "../layers/model-config.ts";
import { saveBytes } from "../layers/save-bytes.ts";
import { layerRule } from "../layers/table.ts";
import type { NewModel } from "../registry.ts";
import { nameList, withNameList } from "./name-lists.ts";
import { readKerasH5 } from "./read.ts";
import { type KerasH5Source, kerasH5Source } from "./source.ts";

const EMPTY: Hdf5Group = { kind: "group", attributes: new Map(), children: new Map() };

/**
 * What an .h5 file holds, to be written in another format. A layer's weights are listed with those that
 * training changes in front, which is also their order among the layer's own.
 *
 * @throws InputError naming a weight of which no layer is known.
 */
export function carriedFromH5(graph: Graph): CarriedModel {
  const source = kerasH5Source(graph) as KerasH5Source;
  const version = keras3Version(source);
  const owners = ownersOf(source);
  const root = groupAt(source.root, ["model_weights"]) ?? EMPTY;
  const weights = new Map<string, CarriedWeight[]>();
  for (const layer of source.model.layers) {
    const group = groupAt(root, layer.name.split("/"));
    if (group === undefined) continue;
    for (const listed of nameList(group, "weight_names", layer.name)) {
      const dataset = nodeAt(group, listed.split("/"));
      if (dataset?.kind !== "dataset") throw new InputError(`there is no dataset ${listed}`);
      const { path, prefix, name } =
        owners.get(`${layer.name}:${listed}`) ?? ownWeight(layer, listed);
      weights.set(path, [...(weights.get(path) ?? []), { prefix, name, dataset }]);
    }
  }
  return { model: source.model, weights, version };
}

interface Owner {
  readonly path: string;
  readonly prefix: string;
  readonly name: string;
}

/** Whose the weights are that the graph reads, by the outermost layer and the name in its list. */
function ownersOf({ records, places }: KerasH5Source): ReadonlyMap<string, Owner> {
  const owners = new Map<string, Owner>();
  for (const [path, { calls }] of records) {
    for (const { use } of calls.flatMap((call) => call.places)) {
      const place = use.stored && places.get(use.stored.name);
      if (place === undefined) continue;
      const parts = use.weight.split("/");
      const name = parts.pop() ?? "";
      owners.set(`${place.layer}:${place.name}`, { path, prefix: parts.join("/"), name });
    }
  }
  return owners;
}

/** A weight that the graph does not read: that of a layer of a class that is not known. */
function ownWeight(layer: LayerConfig, listed: string): Owner {
  const parts = listed.split("/");
  const name = parts.pop() ?? "";
  const known = layer.model !== undefined || layerRule(layer.className) !== undefined;
  if (known || parts.at(-1) !== layer.name) {
    throw new InputError(`weight ${listed} of layer ${layer.name} is in a part that is not known`);
  }
  return { path: layer.name, prefix: "", name };
}

/** A whole-model .h5 file of a model from another format. */
export async function carriedToH5(carried: CarriedModel): Promise<NewModel> {
  const version = textAttribute(carried.version);
  const { class_name, config } = carried.model.raw;
  const text = JSON.stringify({ class_name, config });
  let root = withNode(EMPTY, ["model_weights"], weightGroups(carried));
  root = withNode(
    root,
    ["model_weights"],
    withAttribute(groupAt(root, ["model_weights"]) ?? EMPTY, "keras_version", version),
  );
  root = withAttribute(root, "keras_version", version);
  root = withAttribute(root, "model_config", textAttribute(text));
  const bytes = await writeHdf5(root);
  return {
    read: () => readKerasH5(bytes),
    save: (target, options) => saveBytes(async () => bytes, target, options),
  };
}

function weightGroups({ model, weights }: CarriedModel): Hdf5Group {
  const layers = kerasOrder(model).filter((layer) => !isOperation(layer));
  let root = EMPTY;
  for (const layer of layers) {
    const listed = listedWeights(layer, layer.name, weights);
    let group = EMPTY;
    for (const { name, dataset } of listed) group = withNode(group, name.split("/"), dataset);
    const names = listed.map(({ name }) => name);
    root = withNode(root, layer.name.split("/"), withNameList(group, "weight_names", names));
  }
  const names = layers.map(({ name }) => name);
  return withNameList(root, "layer_names", names);
}

interface ListedWeight {
  /** Also the dataset's path in the group of the outermost layer. */
  readonly name: string;
  readonly dataset: CarriedWeight["dataset"];
  readonly trained: boolean;
}

/**
 * A layer's weights as Keras lists them in such a file: those that training changes in front of the
 * others, over all layers of a model (keras/src/legacy/saving/legacy_h5_format.py, _legacy_weights).
 */
function listedWeights(
  layer: LayerConfig,
  path: string,
  weights: CarriedModel["weights"],
): ListedWeight[] {
  const { model } = layer;
  if (model === undefined) return layerWeights(layer, path, weights.get(path) ?? []);
  const all = kerasOrder(model).flatMap((inner) => {
    const own = `${path}/${inner.name}`;
    const listed = listedWeights(inner, own, weights);
    if (
      listed.length > 0 &&
      inner.model === undefined &&
      layerRule(inner.className) === undefined
    ) {
      throw new InputError(`layer ${own}: it is not known which of its weights training changes`);
    }
    return listed;
  });
  const frozen = layer.fields.value("trainable") === false;
  if (frozen && all.some(({ trained }) => trained)) {
    throw new InputError(`layer ${path}: it is not trainable, and layers in it are`);
  }
  return [...all.filter(({ trained }) => trained), ...all.filter(({ trained }) => !trained)];
}

/** Weights that no training changes, by the classes of the layers. */
const STATISTICS: Readonly<Record<string, readonly string[]>> = {
  BatchNormalization: ["moving_mean", "moving_variance"],
  Normalization: ["mean", "variance", "2"],
};

function layerWeights(
  layer: LayerConfig,
  path: string,
  own: readonly CarriedWeight[],
): ListedWeight[] {
  const frozen = layer.fields.value("trainable") === false;
  const folders = new Map(layerParts(layer).map(({ prefix, folder }) => [prefix, folder]));
  return own.map(({ prefix, name, dataset }) => ({
    name: [path, ...(folders.get(prefix) ?? []), name].join("/"),
    dataset,
    trained: !frozen && !(STATISTICS[layer.className] ?? []).includes(name),
  }));
}
