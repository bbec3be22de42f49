import { noPlace } from "../no-place.ts";
import type { InsertedLayer } from "./find-insertions.ts";
import { isList, isObject, type Json, type JsonObject } from "./json.ts";
import type { LayerEdits } from "./layer-edits.ts";
import { layerEntry } from "./layer-entry.ts";
import type { LayerConfig, ModelConfig } from "./model-config.ts";

/** Fields by which the first layer of a Sequential model states the input. */
const INPUT_FIELDS = ["batch_input_shape", "batch_shape", "dtype"] as const;

type ConfigEdits = Pick<LayerEdits, "removed" | "fields" | "inserted" | "resized">;

/** The model's object with the edits made; objects that do not change are the same ones. */
export function rewrittenConfig(
  model: ModelConfig,
  edits: ConfigEdits,
  path: readonly string[] = [],
): JsonObject {
  const { raw } = model;
  const layersBefore = isList(raw.config) ? raw.config : (raw.config as JsonObject).layers;
  const gone = new Set(
    model.layers.filter(({ name }) => edits.removed.has([...path, name].join("/"))),
  );
  const inserted = byAnchor(edits.inserted);
  const newAt = (layer: LayerConfig) => inserted.get([...path, layer.name].join("/")) ?? [];
  const redirect = redirection(gone, model.layers.flatMap(newAt), path);
  const layers: Json[] = [];
  for (const layer of model.layers) {
    if (layer.raw === undefined || gone.has(layer)) continue;
    layers.push(rewrittenLayer(layer, edits, path, redirect));
    layers.push(...insertedEntries(model, layer, newAt(layer)));
  }
  if (layers.length === 0) throw noPlace("no layer would be left, and a model needs one");
  if (model.sequential) keepInput(model, gone, layers);
  if (isList(layersBefore) && sameItems(layersBefore, layers)) return raw;
  if (isList(raw.config)) return { ...raw, config: layers };
  const config = raw.config as JsonObject;
  const outputs = config.output_layers;
  const changed = outputs === undefined ? {} : { output_layers: redirect(outputs) };
  return { ...raw, config: { ...config, layers, ...changed } };
}

function byAnchor(inserted: ConfigEdits["inserted"]) {
  const layers = new Map<string, InsertedLayer[]>();
  for (const layer of inserted) {
    const known = layers.get(layer.anchor);
    if (known === undefined) layers.set(layer.anchor, [layer]);
    else known.push(layer);
  }
  return layers;
}

function rewrittenLayer(
  layer: LayerConfig,
  edits: ConfigEdits,
  path: readonly string[],
  redirect: (json: Json) => Json,
): JsonObject {
  const raw = layer.raw as JsonObject;
  const full = [...path, layer.name];
  let changed = layer.model === undefined ? raw : rewrittenConfig(layer.model, edits, full);
  const fields = edits.fields.get(full.join("/"));
  const { build_config: _, ...unbuilt } = changed;
  // It says what the layer read when it was built; without it Keras builds the layer from what it reads.
  if (edits.resized && layer.model === undefined && "build_config" in raw) changed = unbuilt;
  if (fields !== undefined) changed = { ...changed, config: { ...layer.fields.config, ...fields } };
  const inbound = raw.inbound_nodes;
  const redirected = inbound === undefined ? undefined : redirect(inbound);
  if (redirected === undefined || redirected === inbound) return changed;
  return { ...changed, inbound_nodes: redirected };
}

/** The entries of what stands behind a layer, each reading the one before it. */
function insertedEntries(
  model: ModelConfig,
  anchor: LayerConfig,
  inserted: ConfigEdits["inserted"],
): JsonObject[] {
  const last = new Map<number, string>();
  return inserted.map((layer) => {
    const before = last.get(layer.call);
    last.set(layer.call, layer.name);
    const { shape } = layer;
    const input =
      before === undefined
        ? { layer: anchor.name, call: layer.call, shape }
        : { layer: before, call: 0, shape };
    return layerEntry(model, anchor, layer, input);
  });
}

/**
 * References to layers that are gone become references to what those read, and those to a layer with
 * new ones behind it references to the last of them.
 */
function redirection(
  gone: ReadonlySet<LayerConfig>,
  inserted: ConfigEdits["inserted"],
  path: readonly string[],
): (json: Json) => Json {
  const targets = new Map<string, Json>();
  for (const { anchor, call, name } of inserted) {
    targets.set(`${call}:${anchor.slice([...path, ""].join("/").length)}`, [name, 0, 0]);
  }
  for (const layer of gone) {
    for (const [call, inputs] of layer.calls.entries()) {
      if (inputs.length !== 1) {
        throw noPlace(
          `layer ${layer.name}: it has ${inputs.length} inputs, so none can take its place`,
        );
      }
      targets.set(`${call}:${layer.name}`, firstReference(rawCall(layer, call)) ?? null);
    }
  }
  const redirect = (json: Json): Json => {
    if (isList(json)) {
      const [layer, call, output] = json;
      if (typeof layer === "string" && typeof call === "number" && typeof output === "number") {
        const target = targets.get(`${call}:${layer}`);
        // What was read by a layer that is gone may be gone itself.
        return isList(target) ? redirect([...target.slice(0, 3), ...json.slice(3)]) : json;
      }
      const items = json.map(redirect);
      return sameItems(json, items) ? json : items;
    }
    if (!isObject(json)) return json;
    const entries = Object.entries(json).map(([key, value]) => [key, redirect(value)] as const);
    return entries.every(([key, value]) => value === json[key])
      ? json
      : Object.fromEntries(entries);
  };
  return targets.size === 0 ? (json) => json : redirect;
}

function rawCall(layer: LayerConfig, call: number): Json {
  const inbound = layer.raw?.inbound_nodes;
  return (isList(inbound) ? inbound[call] : undefined) ?? null;
}

/** The first [layer, call, output] inside. */
function firstReference(json: Json | undefined): Json | undefined {
  if (isList(json)) {
    if (typeof json[0] === "string" && typeof json[1] === "number") return json;
    for (const item of json) {
      const found = firstReference(item);
      if (found !== undefined) return found;
    }
  } else if (isObject(json)) {
    for (const item of Object.values(json)) {
      const found = firstReference(item);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/**
 * The first layer states the shape of the input and gives it its name. Where it goes, an InputLayer
 * says both.
 */
function keepInput(model: ModelConfig, gone: ReadonlySet<LayerConfig>, layers: Json[]): void {
  const [input, first] = model.layers;
  if (input === undefined || first === undefined || input.raw !== undefined) return;
  if (!gone.has(first)) return;
  const stated = INPUT_FIELDS.flatMap((name) => {
    const value = first.fields.value(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const config = { ...Object.fromEntries(stated), sparse: false, name: input.name };
  layers.unshift({ class_name: "InputLayer", config });
}

function sameItems(a: readonly Json[], b: readonly Json[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
