import type { LoadedGroup } from "../tfjs/shards.ts";
import { type Piece, regrouped, replaced } from "../tfjs/weight-files.ts";

/** Numbers for a Const, float32, row-major in the file's order. */
export interface NewNumbers {
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

export interface WeightChanges {
  /** Weights with other numbers, by name. */
  readonly replaced: ReadonlyMap<string, NewNumbers>;
  readonly removed: ReadonlySet<string>;
  readonly added: ReadonlyMap<string, NewNumbers>;
}

/** The groups with the changes made; new weights stand at the end of the last one. */
export function changedGroups(
  groups: readonly LoadedGroup[],
  { replaced: other, removed, added }: WeightChanges,
): LoadedGroup[] {
  return groups.map((loaded, position) => {
    const pieces: Piece[] = [];
    let start = 0;
    for (const entry of loaded.group.weights) {
      const bytes = loaded.bytes.subarray(start, start + entry.byteLength);
      start += entry.byteLength;
      const change = other.get(entry.name);
      if (change !== undefined) pieces.push(replaced(entry, change.bytes, change.dims));
      else if (!removed.has(entry.name)) pieces.push({ raw: entry.raw, bytes });
    }
    if (position === groups.length - 1) {
      for (const [name, { dims, bytes }] of added) {
        pieces.push({ raw: { name, shape: [...dims], dtype: "float32" }, bytes });
      }
    }
    return regrouped(loaded, pieces);
  });
}
