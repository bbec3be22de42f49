import {
  dataset,
  groupAt,
  type Hdf5Group,
  type Hdf5Node,
  textAttribute,
  withAttribute,
  withNode,
} from "../hdf5/tree.ts";
import type { JsonObject } from "../layers/json.ts";
import { kerasGroupNames } from "../layers/keras-order.ts";
import { changesWeightList, type LayerEdits, type WeightEdit } from "../layers/layer-edits.ts";
import { type ModelConfig, parseModelConfig } from "../layers/model-config.ts";
import type { KerasSource } from "./source.ts";
import { containerOf, layerGroups } from "./weights.ts";

/**
 * The weights with the edits made, in groups under the names that Keras gives the layers of the
 * changed config; the same object where nothing changes.
 */
export function rewrittenWeights(
  { weights: root, model, places }: KerasSource,
  edits: LayerEdits,
  config: JsonObject,
): Hdf5Group {
  if (edits.weights.length === 0 && config === model.raw) return root;
  const groups = layerGroups(root, model);
  const fresh = new Map<string, Hdf5Group>();
  let changed = root;
  for (const [path, own] of byLayer(edits.weights)) {
    const group = groups.get(path);
    if (group === undefined) {
      fresh.set(path, withEdits(undefined, own, places));
      continue;
    }
    // The cell of a recurrent layer and the layers in a wrapper have variables of their own.
    for (const [place, inside] of byPlace(own, places, [...group, "vars"])) {
      changed = withNode(changed, place, withEdits(groupAt(root, place), inside, places));
    }
  }
  if (config !== model.raw) {
    const renaming = new Renaming(changed, groups, fresh);
    changed = renaming.inModel(changed, model, parseModelConfig(config), [], []);
  }
  // An optimizer's state belongs to the weights as they were.
  return changesWeightList(edits) ? withNode(changed, ["optimizer"], undefined) : changed;
}

function byLayer(edits: readonly WeightEdit[]): Map<string, WeightEdit[]> {
  const layers = new Map<string, WeightEdit[]>();
  for (const edit of edits) {
    const path = edit.record.path.join("/");
    layers.set(path, [...(layers.get(path) ?? []), edit]);
  }
  return layers;
}

/** @param own where weights that the file has not yet go. */
function byPlace(
  edits: readonly WeightEdit[],
  places: ReadonlyMap<string, readonly string[]>,
  own: readonly string[],
): Iterable<readonly [place: readonly string[], edits: readonly WeightEdit[]]> {
  const found = new Map<string, readonly [readonly string[], WeightEdit[]]>();
  for (const edit of edits) {
    const stored = edit.use.stored && places.get(edit.use.stored.name);
    const place = stored?.slice(0, -1) ?? own;
    const known = found.get(place.join("/")) ?? ([place, []] as const);
    known[1].push(edit);
    found.set(place.join("/"), known);
  }
  return found.values();
}

/** The variables of one group with their edits made, counted anew. */
function withEdits(
  before: Hdf5Group | undefined,
  edits: readonly WeightEdit[],
  places: ReadonlyMap<string, readonly string[]>,
): Hdf5Group {
  const entries = [...(before?.children ?? [])].sort(([a], [b]) => Number(a) - Number(b));
  const values: (Hdf5Node | undefined)[] = entries.map(([, node]) => node);
  for (const { use, bytes, dims } of edits) {
    const place = use.stored && places.get(use.stored.name);
    if (place === undefined) continue;
    const index = Number(place.at(-1));
    const old = values[index];
    const kept = old?.kind === "dataset" ? storage(old, dims) : {};
    values[index] = bytes && { ...dataset(dims, bytes), ...kept };
  }
  for (const { record, use, bytes, dims } of edits) {
    if (use.stored !== undefined || bytes === undefined) continue;
    const names = record.calls.flatMap(({ places: own }) => own.map((place) => place.use));
    values.splice(weightsBefore(names, use.weight), 0, dataset(dims, bytes));
  }
  const left = values.filter((node) => node !== undefined);
  const children = new Map(left.map((node, index) => [String(index), node] as const));
  return { kind: "group", attributes: before?.attributes ?? new Map(), children };
}

/** Attributes and compression of a dataset; the pieces it was cut into only fit its sizes. */
function storage(old: Extract<Hdf5Node, { kind: "dataset" }>, dims: readonly number[]) {
  const { attributes, chunks, deflate } = old;
  return `${dims}` === `${old.shape}` ? { attributes, chunks, deflate } : { attributes };
}

/** How many of the layer's weights stand in front of this one, those of this edit included. */
function weightsBefore(uses: readonly WeightEdit["use"][], weight: string): number {
  const names = [...new Set(uses.map((use) => use.weight))];
  const stored = new Set(
    uses.filter((use) => use.stored ?? use.flag === undefined).map((use) => use.weight),
  );
  return names.slice(0, names.indexOf(weight)).filter((name) => stored.has(name)).length;
}

/** Moves the layers' groups to their names in the changed model, and leaves out those of layers that went. */
class Renaming {
  constructor(
    readonly root: Hdf5Group,
    readonly groups: ReadonlyMap<string, readonly string[]>,
    /** Variables of the new layers, by their paths. */
    readonly fresh: ReadonlyMap<string, Hdf5Group>,
  ) {}

  /**
   * @param start the model's group, with its path in the file.
   * @returns the group with its layers renamed.
   */
  inModel(
    start: Hdf5Group,
    before: ModelConfig,
    after: ModelConfig,
    path: readonly string[],
    group: readonly string[],
  ): Hdf5Group {
    const container = containerOf(this.root, group).slice(group.length);
    const contents = groupAt(start, container);
    if (contents === undefined) return start;
    const placeOf = (name: string) => this.groups.get([...path, name].join("/"));
    const known = new Set(before.layers.flatMap(({ name }) => placeOf(name)?.at(-1) ?? []));
    const others = [...contents.children].filter(([key]) => !known.has(key));
    const moved = [...kerasGroupNames(after)].flatMap(([name, key]) => {
      const place = placeOf(name);
      const own = [...path, name];
      if (place === undefined) return this.#newGroup(own, key);
      const node = groupAt(contents, place.slice(-1));
      if (node === undefined) return [];
      const [old, now] = [before, after].map(
        ({ layers }) => layers.find((layer) => layer.name === name)?.model,
      );
      const whole = old && now ? this.inModel(node, old, now, own, place) : node;
      return [[key, whole] as const];
    });
    const children = new Map<string, Hdf5Node>([...moved, ...others]);
    return withNode(start, container, { ...contents, children });
  }

  #newGroup(path: readonly string[], key: string): (readonly [string, Hdf5Group])[] {
    const variables = this.fresh.get(path.join("/"));
    if (variables === undefined) return [];
    const named = withAttribute(variables, "name", textAttribute(path.at(-1) ?? ""));
    return [[key, withNode(undefined, ["vars"], named)]];
  }
}
