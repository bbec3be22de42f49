import { dataset, groupAt, type Hdf5Group, nodeAt, textAttribute, withNode } from "../hdf5/tree.ts";
import type { JsonObject } from "../layers/json.ts";
import { isOperation, kerasOrder } from "../layers/keras-order.ts";
import { changesWeightList, type LayerEdits, type WeightEdit } from "../layers/layer-edits.ts";
import { type ModelConfig, parseModelConfig } from "../layers/model-config.ts";
import { noPlace } from "../no-place.ts";
import { nameList, withNameList } from "./name-lists.ts";
import type { KerasH5Source } from "./source.ts";

/** The file's contents with the weights changed; Keras gives them to the layers in their order. */
export function rewrittenRoot(
  { root, model, places }: KerasH5Source,
  edits: LayerEdits,
  config: JsonObject,
): Hdf5Group {
  let weights = groupAt(root, ["model_weights"]) as Hdf5Group;
  for (const edit of edits.weights) weights = withEdit(weights, edit, places);
  if (config !== model.raw) {
    const after = parseModelConfig(config);
    refuseOtherOrder(model, after);
    weights = withLayers(weights, after);
  }
  const changed = withNode(root, ["model_weights"], weights);
  // An optimizer's state belongs to the weights as they were.
  return changesWeightList(edits) ? withNode(changed, ["optimizer_weights"], undefined) : changed;
}

function withEdit(
  weights: Hdf5Group,
  { record, use, bytes, dims }: WeightEdit,
  places: KerasH5Source["places"],
): Hdf5Group {
  const [layer = ""] = record.path;
  const path = layer.split("/");
  const group = groupAt(weights, path) ?? {
    kind: "group",
    attributes: new Map(),
    children: new Map(),
  };
  const isNew = group.attributes.size === 0;
  const names = isNew ? [] : nameList(group, "weight_names", `model_weights/${layer}`);
  const place = use.stored && places.get(use.stored.name)?.name;
  if (place !== undefined) {
    const old = nodeAt(group, place.split("/"));
    const kept = old?.kind === "dataset" ? { attributes: old.attributes } : {};
    const node = bytes && { ...dataset(dims, bytes), ...kept };
    const changed = withNode(group, place.split("/"), node);
    const left = names.filter((name) => name !== place);
    return withNode(weights, path, bytes ? changed : withNameList(changed, "weight_names", left));
  }
  if (bytes === undefined) return weights;
  const { name, position } = newName(record, use.weight, names, places);
  const added = withNode(group, name.split("/"), dataset(dims, bytes));
  return withNode(
    weights,
    path,
    withNameList(added, "weight_names", names.toSpliced(position, 0, name)),
  );
}

/** Named as the weight in front of it, and listed behind that: "conv/kernel:0" makes "conv/bias:0". */
function newName(
  { path, calls }: WeightEdit["record"],
  weight: string,
  names: readonly string[],
  places: KerasH5Source["places"],
): { name: string; position: number } {
  const uses = calls.flatMap((call) => call.places.map(({ use }) => use));
  const own = uses.findIndex((use) => use.weight === weight);
  const before = uses.slice(0, Math.max(own, 0)).findLast(({ stored }) => stored !== undefined);
  const sibling = before?.stored && places.get(before.stored.name)?.name;
  if (sibling === undefined) return { name: [...path, weight].join("/"), position: names.length };
  const folder = sibling.split("/").slice(0, -1);
  const ending = sibling.endsWith(":0") ? ":0" : "";
  return {
    name: [...folder, `${weight}${ending}`].join("/"),
    position: names.indexOf(sibling) + 1,
  };
}

/** layer_names in Keras' order, and no group for a layer that went. */
function withLayers(weights: Hdf5Group, model: ModelConfig): Hdf5Group {
  const listed = nameList(weights, "layer_names", "model_weights");
  const order = kerasOrder(model).flatMap((layer) => (isOperation(layer) ? [] : [layer.name]));
  let changed = weights;
  for (const name of listed) {
    if (!order.includes(name)) changed = withNode(changed, name.split("/"), undefined);
  }
  for (const name of order) {
    if (groupAt(changed, name.split("/")) !== undefined) continue;
    // Keras lists layers without weights, too.
    const empty: Hdf5Group = { kind: "group", attributes: new Map(), children: new Map() };
    changed = withNode(changed, name.split("/"), withNameList(empty, "weight_names", []));
  }
  return withNameList(changed, "layer_names", order);
}

/** A model inside another has one list of weights for all its layers, which would have to be sorted anew. */
function refuseOtherOrder(before: ModelConfig, after: ModelConfig): void {
  for (const { name, model } of after.layers) {
    const old = before.layers.find((layer) => layer.name === name)?.model;
    if (model === undefined || old === undefined) continue;
    const left = new Set(model.layers.map((layer) => layer.name));
    const names = kerasOrder(old).map((layer) => layer.name);
    const kept = names.filter((layer) => left.has(layer));
    const known = new Set(kept);
    const order = kerasOrder(model).flatMap((layer) => (known.has(layer.name) ? [layer.name] : []));
    if (`${kept}` !== `${order}`) {
      throw noPlace(
        `layer ${name}: the layers of this model come into another order, for which .h5 has no place`,
      );
    }
    refuseOtherOrder(old, model);
  }
}

/** The root with another config. */
export function withConfig(root: Hdf5Group, text: string): Hdf5Group {
  const like = root.attributes.get("model_config");
  const attributes = new Map(root.attributes).set("model_config", textAttribute(text, like));
  return { ...root, attributes };
}
