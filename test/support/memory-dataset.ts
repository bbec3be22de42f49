import type { MemoryDataset, TargetKind } from "../../src/data/dataset.ts";
import { openDataset } from "../../src/data/open-dataset.ts";

/** A data set whose samples a test looks at, all at once. */
export async function openInMemory(source: string, kind?: TargetKind): Promise<MemoryDataset> {
  const { features, ...rest } = await openDataset(source, { kind });
  if (features instanceof Float32Array) return { ...rest, features };
  throw new Error(`${source} is not in memory`);
}
