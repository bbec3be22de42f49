import type { ConvGeometry } from "../operators/conv-geometry.ts";
import type { ConvRecipes } from "../operators/conv-recipe.ts";
import { usualChoice } from "../operators/conv-recipes.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { channelBlock } from "./conv-machine.ts";
import { geometryKey, RecipeMemory } from "./recipe-memory.ts";
import { timeRecipes } from "./recipe-timing.ts";

/** The longest that timing may hold up the start of a run; the rest goes by rules of thumb. */
const LONGEST_TIMING = 10_000;

export interface TimingOptions {
  readonly runtime: Runtime;
  readonly threads: number;
  /** Where timings are remembered; undefined keeps none. */
  readonly file: string | undefined;
  /** Once aborted, what is left goes by rules of thumb. */
  readonly signal: AbortSignal;
}

/**
 * What is built from convolutions, with the fastest recipes: remembered ones, and those of new shapes
 * timed on the spot.
 *
 * @param build builds the step with the recipes it is given; a second time where some were timed.
 */
export async function buildWithFastest<Built>(
  { runtime, threads, file, signal }: TimingOptions,
  build: (recipes: ConvRecipes) => Built,
): Promise<Built> {
  const machine = { channelBlock: await channelBlock(runtime) };
  const memory = await RecipeMemory.open(runtime, machine, file);
  const missing = new Map<string, ConvGeometry>();
  const choose = (geometry: ConvGeometry) => memory.get(geometry) ?? usualChoice(geometry, machine);
  const built = build({
    machine,
    choose: (geometry) => {
      if (memory.get(geometry) === undefined) missing.set(geometryKey(geometry), geometry);
      return choose(geometry);
    },
  });
  const deadline = performance.now() + LONGEST_TIMING;
  let timed = 0;
  for (const geometry of missing.values()) {
    if (signal.aborted || performance.now() > deadline) break;
    memory.set(geometry, await timeRecipes(runtime, threads, geometry, machine));
    timed++;
  }
  if (timed === 0) return built;
  await memory.save();
  return build({ machine, choose });
}
