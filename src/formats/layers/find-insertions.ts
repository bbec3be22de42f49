import type { Graph, Node } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import { type NodeOrigin, nodeOrigin } from "../../graph/node-origin.ts";
import { noPlace, refuseRole } from "../no-place.ts";
import type { LayerContent } from "./inserted/inserted-layer.ts";
import { insertedLayerRule } from "./inserted/table.ts";
import type { Json } from "./json.ts";
import type { Size } from "./layer-value.ts";
import type { CallRecord, LayerRecord } from "./read-layers.ts";

/** A layer that an edit put behind another, or behind what was put there before it. */
export interface InsertedLayer extends LayerContent {
  /** Path of the layer of the file that it stands behind. */
  readonly anchor: string;
  /** Which call of that layer, as its model's config counts them. */
  readonly call: number;
  /** No other layer has it. */
  readonly name: string;
  /** Of what it reads and makes, in the file's order. */
  readonly shape: readonly Size[];
}

export interface Insertions {
  /** Those behind one call of a layer in the order in which they read each other. */
  readonly layers: readonly InsertedLayer[];
  /** Layers whose activation became a layer of its own, by path. */
  readonly withoutActivation: ReadonlySet<string>;
}

/** What stands behind one call of a layer. */
interface Place {
  readonly record: LayerRecord;
  readonly call: CallRecord;
  /** Between the layer and its activation. */
  readonly before: Node[];
  readonly after: Node[];
}

/**
 * The nodes of passes that layers stand for, with the layers behind which they go. A node between a
 * layer and its own activation parts the two: the layer becomes linear and an Activation follows the
 * new one.
 *
 * @throws InputError for a node that has no place among layers.
 */
export function findInsertions(
  edited: Graph,
  records: ReadonlyMap<string, LayerRecord>,
): Insertions {
  const places = placesOf(edited, records);
  const taken = new Set([...records.values()].map(({ layer }) => layer.name));
  const layers: InsertedLayer[] = [];
  const withoutActivation = new Set<string>();
  for (const { record } of places.values()) {
    const path = record.path.join("/");
    if (!withoutActivation.has(path) && parted(places, record)) withoutActivation.add(path);
  }
  for (const [path, record] of records) {
    for (const call of callsOf(record)) {
      const place = places.get(placeKey(path, call.call));
      const add = (content: LayerContent, stem: string) =>
        layers.push({
          ...content,
          anchor: path,
          call: call.call,
          name: freshName(stem, taken),
          shape: call.result.shape,
        });
      for (const node of place?.before ?? [])
        add(contentOf(edited, node, call), stemOf(node, record));
      if (withoutActivation.has(path)) add(activationOf(record), `${record.layer.name}_activation`);
      for (const node of place?.after ?? [])
        add(contentOf(edited, node, call), stemOf(node, record));
    }
  }
  return { layers, withoutActivation };
}

function placesOf(edited: Graph, records: ReadonlyMap<string, LayerRecord>): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const node of edited.nodes) {
    if (nodeOrigin(node) !== undefined) continue;
    refuseRole(node, "layers");
    if (insertedLayerRule(node.opType) === undefined) continue;
    const origin = originBehind(edited, node.input[0] ?? "");
    const record = origin === undefined ? undefined : records.get(origin.layer);
    const call = record?.calls[origin?.call ?? 0];
    if (origin === undefined || record === undefined || call === undefined) {
      throw noPlace(`node ${node.name} stands in front of the first layer, where none can be put`);
    }
    const key = placeKey(origin.layer, call.call);
    const place = places.get(key) ?? { record, call, before: [], after: [] };
    places.set(key, place);
    // A model that is called more than once has its layers' nodes once for each of its calls.
    if (place.call !== call) continue;
    const inside = partsBehind(edited, node, origin);
    if (inside.some((part) => !part.startsWith("activation"))) {
      throw noPlace(
        `node ${node.name} stands inside layer ${origin.layer}, in front of its ${inside[0]}`,
      );
    }
    (inside.length > 0 ? place.before : place.after).push(node);
  }
  return places;
}

function placeKey(path: string, call: number): string {
  return `${call}:${path}`;
}

/** The call of a layer whose result a value is, behind nodes that no layer made. */
function originBehind(graph: Graph, start: string): NodeOrigin | undefined {
  let producer = indexOf(graph).producer(start);
  while (producer !== undefined) {
    const origin = nodeOrigin(producer);
    if (origin !== undefined) return origin;
    producer = indexOf(graph).producer(producer.input[0] ?? "");
  }
  return undefined;
}

/** Parts of the same call of the layer that read a node's result, directly or through new nodes. */
function partsBehind(graph: Graph, node: Node, { layer, call }: NodeOrigin): string[] {
  return indexOf(graph)
    .uses(node.output[0] ?? "")
    .flatMap(({ node: reader }) => {
      const origin = nodeOrigin(reader);
      if (origin === undefined) {
        const passed = insertedLayerRule(reader.opType) !== undefined;
        return passed ? partsBehind(graph, reader, { layer, call, part: "" }) : [];
      }
      return origin.layer === layer && origin.call === call ? [origin.part] : [];
    });
}

function parted(places: ReadonlyMap<string, Place>, record: LayerRecord): boolean {
  const path = record.path.join("/");
  return record.calls.some(
    ({ call }) => (places.get(placeKey(path, call))?.before.length ?? 0) > 0,
  );
}

/** Each call that the config states once. */
function callsOf(record: LayerRecord): CallRecord[] {
  return [...new Map(record.calls.map((call) => [call.call, call])).values()];
}

function contentOf(graph: Graph, node: Node, { result }: CallRecord): LayerContent {
  const rule = insertedLayerRule(node.opType);
  if (rule === undefined) throw new Error(`${node.opType} became unknown`);
  const { moved, shape } = result;
  return rule.layer({ graph, node, moved, rank: shape.length });
}

function activationOf({ layer }: LayerRecord): LayerContent {
  const activation: Json = layer.fields.value("activation") ?? "linear";
  return { className: "Activation", config: { activation }, weights: [] };
}

/** A pass names its node after the one that it follows: "encoder/dense/activation_dropout". */
function stemOf(node: Node, { path, layer }: LayerRecord): string {
  const models = path
    .slice(0, -1)
    .map((name) => `${name}/`)
    .join("");
  const name = node.name.startsWith(models) ? node.name.slice(models.length) : node.name;
  // A slash separates layers from the models they lie in.
  const plain = name.replace(/[^A-Za-z0-9_.-]+/g, "_");
  return plain === "" ? `${layer.name}_${node.opType.toLowerCase()}` : plain;
}

function freshName(stem: string, taken: Set<string>): string {
  let name = stem;
  for (let suffix = 2; taken.has(name); suffix++) name = `${stem}_${suffix}`;
  taken.add(name);
  return name;
}
