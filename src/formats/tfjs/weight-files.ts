import { DataType } from "../../graph/data-type.ts";
import type { Json, JsonObject } from "../layers/json.ts";
import { changesWeightList, type LayerEdits, type WeightEdit } from "../layers/layer-edits.ts";
import type { WeightEntry } from "./manifest.ts";
import type { LoadedGroup, Shard } from "./shards.ts";

/** A weight's entry in the manifest, and its bytes. */
export interface Piece {
  readonly raw: JsonObject;
  readonly bytes: Uint8Array;
}

/** What becomes of a stored weight: the pieces that stand in its place. */
export type WeightChange = (entry: WeightEntry, bytes: Uint8Array) => readonly Piece[];

/**
 * The groups with each weight as a change makes it; a group without a change is the same object.
 *
 * @param added what stands at the end of the last group.
 */
export function changedGroups(
  groups: readonly LoadedGroup[],
  change: WeightChange,
  added: readonly Piece[] = [],
): LoadedGroup[] {
  return groups.map((loaded, position) => {
    let start = 0;
    const pieces = loaded.group.weights.flatMap((entry) => {
      const bytes = loaded.bytes.subarray(start, start + entry.byteLength);
      start += entry.byteLength;
      return change(entry, bytes);
    });
    return regrouped(loaded, position === groups.length - 1 ? [...pieces, ...added] : pieces);
  });
}

/** A weight as it stands in the file. */
export function unchanged({ raw }: WeightEntry, bytes: Uint8Array): Piece {
  return { raw, bytes };
}

/** The groups of weights with the edits made; a group without a change is the same object. */
export function rewrittenGroups(
  groups: readonly LoadedGroup[],
  edits: Pick<LayerEdits, "weights">,
): LoadedGroup[] {
  const changed = new Map<string, WeightEdit>();
  for (const edit of edits.weights) {
    if (edit.use.stored !== undefined) changed.set(edit.use.stored.name, edit);
  }
  const added = edits.weights.filter(({ use }) => use.stored === undefined);
  const resized = changesWeightList(edits);
  const behind = new Map<string | undefined, Piece[]>();
  for (const edit of added) {
    const sibling = nameBefore(edit);
    behind.set(sibling, [...(behind.get(sibling) ?? []), newPiece(edit, sibling)]);
  }
  const change: WeightChange = (entry, bytes) => {
    // An optimizer's state belongs to the weights as they were.
    if (resized && entry.raw.group === "optimizer") return [];
    const edit = changed.get(entry.name);
    const own =
      edit === undefined
        ? [unchanged(entry, bytes)]
        : edit.bytes === undefined
          ? []
          : [replaced(entry, edit.bytes, edit.dims)];
    return [...own, ...(behind.get(entry.name) ?? [])];
  };
  // A layer without any stored weight has no place among the others.
  return changedGroups(groups, change, behind.get(undefined));
}

/** The groups with other numbers for the weights that are named; a group without a change is the same object. */
export function withNumbers(
  groups: readonly LoadedGroup[],
  numbers: ReadonlyMap<string, Float32Array>,
): LoadedGroup[] {
  return changedGroups(groups, (entry, bytes) => {
    const data = entry.raw.group === "optimizer" ? undefined : numbers.get(entry.name);
    if (data === undefined) return [unchanged(entry, bytes)];
    return [replaced(entry, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))];
  });
}

/** A quantized weight would lose its new numbers' precision, so it is stored as it is. */
export function replaced(
  { raw, shape: before }: WeightEntry,
  bytes: Uint8Array,
  shape: readonly number[] = before,
): Piece {
  const { quantization: _, ...plain } = raw;
  const own = raw.quantization === undefined ? raw : plain;
  return { raw: `${shape}` === `${before}` ? own : { ...own, shape }, bytes };
}

/** The stored weight of the same layer that a new one follows. */
function nameBefore({ record, use }: WeightEdit): string | undefined {
  const uses = (record.calls[0]?.places ?? []).map((place) => place.use);
  const own = uses.findIndex(({ weight }) => weight === use.weight);
  const before = uses.slice(0, own).findLast(({ stored }) => stored !== undefined);
  return (before ?? uses.find(({ stored }) => stored !== undefined))?.stored?.name;
}

/** Named as its sibling: "conv1/kernel" makes "conv1/bias". */
function newPiece({ record, use, dims, bytes }: WeightEdit, sibling: string | undefined): Piece {
  const parts = (sibling ?? `${record.path.at(-1)}/`).split("/").slice(0, -1);
  const raw = {
    name: [...parts, use.weight].join("/"),
    shape: [...dims],
    dtype: "float32",
  };
  return { raw, bytes: bytes as Uint8Array };
}

/** The pieces one after the other, cut into files as large as those of the group were. */
function regrouped(loaded: LoadedGroup, pieces: readonly Piece[]): LoadedGroup {
  const { group, shards, bytes: before } = loaded;
  const bytes = new Uint8Array(Buffer.concat(pieces.map((piece) => piece.bytes)));
  const same = pieces.every(({ raw }, index) => raw === group.weights[index]?.raw);
  if (same && pieces.length === group.weights.length && Buffer.compare(bytes, before) === 0) {
    return loaded;
  }
  const known = new Map(group.weights.map((entry) => [entry.raw, entry] as const));
  const weights = pieces.map((piece): WeightEntry => known.get(piece.raw) ?? entryOf(piece));
  const cut = cutAgain(shards, bytes);
  return { group: { paths: cut.map(({ path }) => path), weights }, shards: cut, bytes };
}

function entryOf({ raw, bytes }: Piece): WeightEntry {
  return {
    name: raw.name as string,
    shape: raw.shape as readonly number[],
    dataType: raw.dtype === "int32" ? DataType.INT32 : DataType.FLOAT,
    quantization: undefined,
    byteLength: bytes.length,
    raw,
  };
}

function cutAgain(shards: readonly Shard[], bytes: Uint8Array): Shard[] {
  const total = shards.reduce((sum, shard) => sum + shard.bytes.length, 0);
  let start = 0;
  if (total === bytes.length) {
    return shards.map(({ path, bytes: { length } }) => {
      start += length;
      return { path, bytes: bytes.subarray(start - length, start) };
    });
  }
  if (shards.length <= 1) return [{ path: shards[0]?.path ?? "group1-shard1of1.bin", bytes }];
  const size = Math.max(...shards.map((shard) => shard.bytes.length), 1);
  const count = Math.max(Math.ceil(bytes.length / size), 1);
  return Array.from({ length: count }, (_, index) => ({
    path: shardName(shards[Math.min(index, shards.length - 1)]?.path ?? "", index, count),
    bytes: bytes.subarray(index * size, (index + 1) * size),
  }));
}

/** "group1-shard2of3.bin" for the second of three, in TensorFlow.js' own way. */
function shardName(path: string, index: number, count: number): string {
  const counted = /shard\d+of\d+/;
  if (counted.test(path)) return path.replace(counted, `shard${index + 1}of${count}`);
  return `${path}.${index + 1}of${count}`;
}

/** The manifest that the groups stand for; unchanged ones are the objects of the file. */
export function rewrittenManifest(
  groups: readonly LoadedGroup[],
  before: readonly LoadedGroup[],
  manifest: readonly Json[],
): Json[] {
  return manifest.map((raw, index) => {
    const loaded = groups[index];
    if (loaded === undefined || loaded === before[index]) return raw;
    const { group } = loaded;
    const same = group.weights.every((entry, i) => entry === before[index]?.group.weights[i]);
    const samePaths = `${group.paths}` === `${before[index]?.group.paths}`;
    if (same && samePaths && group.weights.length === before[index]?.group.weights.length)
      return raw;
    const weights = group.weights.map((entry) => entry.raw);
    return { ...(raw as JsonObject), paths: group.paths, weights };
  });
}
