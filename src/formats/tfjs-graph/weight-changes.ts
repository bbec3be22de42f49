import type { LoadedGroup } from "../tfjs/shards.ts";
import { changedGroups, replaced, unchanged, type WeightChange } from "../tfjs/weight-files.ts";

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
export function withWeightChanges(
  groups: readonly LoadedGroup[],
  { replaced: other, removed, added }: WeightChanges,
): LoadedGroup[] {
  const change: WeightChange = (entry, bytes) => {
    const numbers = other.get(entry.name);
    if (numbers !== undefined) return [replaced(entry, numbers.bytes, numbers.dims)];
    return removed.has(entry.name) ? [] : [unchanged(entry, bytes)];
  };
  const pieces = [...added].map(([name, { dims, bytes }]) => ({
    raw: { name, shape: [...dims], dtype: "float32" },
    bytes,
  }));
  return changedGroups(groups, change, pieces);
}
