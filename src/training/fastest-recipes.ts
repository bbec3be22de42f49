import type { ConvGeometry } from "../operators/conv-geometry.ts";
import type { ConvChoice, ConvRecipes } from "../operators/conv-recipe.ts";
import { usualChoice, usualRecipes } from "../operators/conv-recipes.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { channelBlock } from "./conv-machine.ts";
import { RecipeMemory } from "./recipe-memory.ts";
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
 * The fastest recipes for the convolutions of one step: remembered ones, and those of new shapes
 * timed on the spot.
 *
 * @param build builds the step with the recipes it is given, so that its convolutions are met.
 */
export async function fastestRecipes(
  { runtime, threads, file, signal }: TimingOptions,
  build: (recipes: ConvRecipes) => unknown,
): Promise<ConvRecipes> {
  const machine = { channelBlock: await channelBlock(runtime) };
  const memory = new RecipeMemory(runtime, machine, file);
  const deadline = performance.now() + LONGEST_TIMING;
  const choices = new Map<string, ConvChoice>();
  let timed = 0;
  for (const geometry of geometriesOf(machine, build)) {
    const remembered = await memory.get(geometry);
    const late = signal.aborted || performance.now() > deadline;
    if (remembered === undefined && late) continue;
    const choice = remembered ?? (await timeRecipes(runtime, threads, geometry, machine));
    choices.set(JSON.stringify(geometry), choice);
    if (remembered !== undefined) continue;
    memory.set(geometry, choice);
    timed++;
  }
  if (timed > 0) await memory.save();
  return {
    machine,
    choose: (geometry) => choices.get(JSON.stringify(geometry)) ?? usualChoice(geometry, machine),
  };
}

function geometriesOf(
  machine: ConvRecipes["machine"],
  build: (recipes: ConvRecipes) => unknown,
): Iterable<ConvGeometry> {
  const met = new Map<string, ConvGeometry>();
  const usual = usualRecipes(machine);
  build({
    machine,
    choose: (geometry) => {
      met.set(JSON.stringify(geometry), geometry);
      return usual.choose(geometry);
    },
  });
  return met.values();
}
