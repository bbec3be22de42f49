import { constantValue } from "../../graph/constants.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import { indexOf } from "../../graph/index.ts";
import { nodeOrigin } from "../../graph/node-origin.ts";
import { readFloat64 } from "../../graph/numbers.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { noPlace } from "../no-place.ts";
import { findInsertions, type InsertedLayer } from "./find-insertions.ts";
import type { Json } from "./json.ts";
import type { WeightPlace, WeightUse } from "./layer-call.ts";
import { newWeights } from "./new-weights.ts";
import type { LayerRecord } from "./read-layers.ts";
import { type EditedUse, ruleFields } from "./rule-edits.ts";
import { fileBytes, sameSizes } from "./weight-layout.ts";

/** What an edit of the graph amounts to in terms of the layers it came from. */
export interface LayerEdits {
  /** Paths of layers that are gone; what read them reads what they read. */
  readonly removed: ReadonlySet<string>;
  /** Fields of a layer's config that change, by its path. */
  readonly fields: ReadonlyMap<string, Readonly<Record<string, Json>>>;
  /** Layers that are new; those behind one call of a layer in the order in which they read each other. */
  readonly inserted: readonly InsertedLayer[];
  readonly weights: readonly WeightEdit[];
  /** Whether a layer has other sizes than before. */
  readonly resized: boolean;
}

export interface WeightEdit {
  readonly record: LayerRecord;
  readonly use: WeightUse;
  /** Sizes in the file from now on. */
  readonly dims: readonly number[];
  /** The new numbers in the file's order; undefined where the weight is gone. */
  readonly bytes: Uint8Array | undefined;
}

/** Whether weights come, go or have other sizes, so that an optimizer's state no longer fits them. */
export function changesWeightList({ weights }: Pick<LayerEdits, "weights">): boolean {
  return weights.some(
    ({ use, bytes, dims }) => !use.stored || !bytes || !sameSizes(dims, use.storedDims),
  );
}

/**
 * Finds what became of each layer. It only proposes: whoever writes the result reads it again and
 * compares it with the edited graph, so that nothing wrong is ever written.
 *
 * @param read the graph as it was read.
 * @throws InputError naming the layer or node that the format has no place for.
 */
export function findLayerEdits(
  read: Graph,
  edited: Graph,
  records: ReadonlyMap<string, LayerRecord>,
): LayerEdits {
  const before = nodesByOrigin(read);
  const after = nodesByOrigin(edited);
  const ownKeys = byLayer(before.keys());
  adoptBiases(edited, records, after);
  const removed = new Set<string>();
  const { layers: inserted, withoutActivation } = findInsertions(edited, records);
  const fields = new Map<string, Record<string, Json>>();
  const weights: WeightEdit[] = inserted.flatMap((layer) => newWeights(layer, records));
  for (const path of withoutActivation) fields.set(path, { activation: "linear" });
  for (const [path, record] of records) {
    const own = ownKeys.get(path) ?? [];
    const missing = own.filter((key) => !after.has(key));
    const gone = missing.filter((key) => !isOptionalPart(record, originOf(key).part));
    if (own.length > 0 && missing.length === own.length) {
      removed.add(path);
      for (const use of usesOf(record)) {
        if (use.stored !== undefined)
          weights.push({ record, use, dims: use.storedDims, bytes: undefined });
      }
      continue;
    }
    const [first] = gone;
    if (first !== undefined) {
      throw noPlace(
        `layer ${path}: a part of it is gone (${originOf(first).part}), which its config cannot say`,
      );
    }
    for (const key of own) {
      if (after.has(key)) refuseOtherOperator(path, before.get(key), after.get(key));
    }
    for (const edit of weightEdits(read, edited, record, after)) {
      weights.push(edit);
      const { flag, stored } = edit.use;
      const present = edit.bytes !== undefined;
      const switched = flag !== undefined && present !== (stored !== undefined);
      const changed = { ...sizeFields(edit), ...(switched ? { [flag]: present } : {}) };
      if (Object.keys(changed).length > 0) fields.set(path, { ...fields.get(path), ...changed });
    }
    const rules = ruleFields(record, editedUses(record, after, weights));
    if (Object.keys(rules).length > 0) fields.set(path, { ...fields.get(path), ...rules });
  }
  const resized = weights.some(
    ({ use, dims }) => use.stored !== undefined && !sameSizes(dims, use.storedDims),
  );
  return { removed, fields, inserted, weights, resized };
}

/** The weights of a layer with the nodes that read them in its first call. */
function editedUses(
  { path, calls }: LayerRecord,
  nodes: NodesByOrigin,
  weights: readonly WeightEdit[],
): EditedUse[] {
  return (calls[0]?.places ?? []).flatMap(({ part, input, use }) => {
    const node = nodes.get(originKey(path.join("/"), 0, part));
    if (node === undefined) return [];
    const dims = weights.find((edit) => edit.use === use)?.dims ?? use.storedDims;
    return [{ use, node, input, dims }];
  });
}

/** A node that is there for the sake of one weight, which the layer can go without. */
function isOptionalPart({ calls }: LayerRecord, part: string): boolean {
  const places = (calls[0]?.places ?? []).filter((place) => place.part === part);
  return part !== "main" && places.length > 0 && places.every(({ use }) => use.flag !== undefined);
}

function refuseOtherOperator(
  path: string,
  before: Node | undefined,
  after: Node | undefined,
): void {
  if (before?.opType === after?.opType) return;
  throw noPlace(
    `layer ${path}: its ${before?.opType} became another operator, ${after?.opType}, which its config cannot say`,
  );
}

type NodesByOrigin = Map<string, Node>;

function originKey(layer: string, call: number, part: string): string {
  return JSON.stringify([layer, call, part]);
}

function originOf(key: string): { layer: string; part: string } {
  const [layer, , part] = JSON.parse(key) as [string, number, string];
  return { layer, part };
}

function nodesByOrigin(graph: Graph): NodesByOrigin {
  const nodes: NodesByOrigin = new Map();
  for (const node of graph.nodes) {
    const origin = nodeOrigin(node);
    if (origin === undefined) continue;
    const key = originKey(origin.layer, origin.call, origin.part);
    if (nodes.has(key)) {
      throw noPlace(
        `layer ${origin.layer}: it is there twice after the edits, which would need a layer more`,
      );
    }
    nodes.set(key, node);
  }
  return nodes;
}

/** Keys of the nodes that each layer made. */
function byLayer(keys: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const layers = new Map<string, string[]>();
  for (const key of keys) {
    const { layer } = originOf(key);
    const known = layers.get(layer);
    if (known === undefined) layers.set(layer, [key]);
    else known.push(key);
  }
  return layers;
}

/** An Add that an edit put behind a product is the bias that the layer went without. */
function adoptBiases(
  edited: Graph,
  records: ReadonlyMap<string, LayerRecord>,
  nodes: NodesByOrigin,
): void {
  const index = indexOf(edited);
  for (const [path, { calls }] of records) {
    for (const [call, { places }] of calls.entries()) {
      const place = places.find(({ part, use }) => part === "bias" && use.value === "");
      const product = nodes.get(originKey(path, call, "main"));
      if (place === undefined || product === undefined) continue;
      const [use, ...others] = index.uses(product.output[0] ?? "");
      const adds = use?.node.opType === "Add" && nodeOrigin(use.node) === undefined;
      if (adds && others.length === 0) nodes.set(originKey(path, call, "bias"), use.node);
    }
  }
}

function* usesOf(record: LayerRecord): Iterable<WeightUse> {
  const seen = new Set<string>();
  for (const { use } of record.calls.flatMap(({ places }) => places)) {
    if (!seen.has(use.weight)) yield use;
    seen.add(use.weight);
  }
}

/** What changed of a layer's weights; all calls and nodes that read one have to agree on it. */
function weightEdits(
  read: Graph,
  edited: Graph,
  record: LayerRecord,
  nodes: NodesByOrigin,
): WeightEdit[] {
  const edits: WeightEdit[] = [];
  for (const use of usesOf(record)) {
    const found = record.calls.flatMap(({ places }, call) =>
      places
        .filter((place) => place.use.weight === use.weight)
        .map((place) =>
          weightAt(
            edited,
            record,
            nodes.get(originKey(record.path.join("/"), call, place.part)),
            place,
          ),
        ),
    );
    const [first, ...others] = found;
    if (others.some((other) => !sameTensor(first, other))) {
      throw noPlace(
        `layer ${record.path.join("/")}: it is used more than once, and its uses have different weights ${use.weight} now`,
      );
    }
    if (first === read.initializers.get(use.value) && (first !== undefined || use.value === "")) {
      continue;
    }
    const edit = weightEdit(record, use, first);
    if (edit !== undefined) edits.push(edit);
  }
  return edits;
}

/** The tensor that stands at a weight's place now; undefined where nothing does. */
function weightAt(
  edited: Graph,
  record: LayerRecord,
  node: Node | undefined,
  { input, use }: WeightPlace,
): Tensor | undefined {
  // Either factor or summand of what an edit added may be the constant one.
  const values =
    node !== undefined && nodeOrigin(node) === undefined ? node.input : [node?.input[input] ?? ""];
  const constant = (name: string) => constantValue(edited, name);
  const value = values.find((name) => constant(name) !== undefined) ?? values[0] ?? "";
  if (value === "") return undefined;
  const tensor = constant(value);
  if (tensor === undefined) {
    throw noPlace(
      `layer ${record.path.join("/")}: its ${use.weight} is computed while the model runs, where a layer stores it`,
    );
  }
  return tensor;
}

function sameTensor(a: Tensor | undefined, b: Tensor | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return sameSizes(a.dims, b.dims) && Buffer.compare(a.data.read(), b.data.read()) === 0;
}

function weightEdit(
  record: LayerRecord,
  use: WeightUse,
  tensor: Tensor | undefined,
): WeightEdit | undefined {
  const layer = `layer ${record.path.join("/")}`;
  const comesOrGoes = (tensor === undefined) !== (use.stored === undefined);
  if (use.wrapped && comesOrGoes && use.absent === undefined) {
    throw noPlace(
      `${layer}: its ${use.weight} ${tensor === undefined ? "is gone" : "is new"}, which the layer around it cannot say`,
    );
  }
  if (tensor === undefined) {
    if (use.flag === undefined) throw noPlace(`${layer}: it cannot do without its ${use.weight}`);
    return use.stored === undefined
      ? undefined
      : { record, use, dims: use.storedDims, bytes: undefined };
  }
  const filled = use.stored === undefined && use.absent !== undefined;
  if (filled && readFloat64(tensor).every((number) => number === use.absent)) return undefined;
  const dims = sizesInFile(layer, use, tensor);
  const bytes = fileBytes(tensor, dims, use.layout);
  const stored = use.stored?.data.read();
  const same = stored !== undefined && Buffer.compare(stored, bytes) === 0;
  return same && sameSizes(dims, use.storedDims) ? undefined : { record, use, dims, bytes };
}

/** The same as before, or other ones that the layout can tell: those of a layer that was pruned. */
function sizesInFile(layer: string, use: WeightUse, tensor: Tensor): readonly number[] {
  const before = use.layout.dims(use.storedDims);
  if (sameSizes(tensor.dims, before)) return use.storedDims;
  const dims = use.layout.storedDims(tensor.dims);
  if (dims?.length === use.storedDims.length) return dims;
  throw noPlace(
    `${layer}: its ${use.weight} has shape [${tensor.dims}] now in place of [${before}], which its config cannot say`,
  );
}

/** The fields of a layer's config that a weight's new sizes change. */
function sizeFields({ use, dims }: WeightEdit): Record<string, number> {
  const changed = Object.entries(use.sizes).flatMap(([field, axis]) => {
    const size = dims.at(axis);
    return size === undefined || size === use.storedDims.at(axis) ? [] : [[field, size] as const];
  });
  return Object.fromEntries(changed);
}
