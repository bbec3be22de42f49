import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ConvGeometry } from "../../../src/operators/conv-geometry.ts";
import type { ConvRecipes } from "../../../src/operators/conv-recipe.ts";
import {
  FORWARD_RECIPES,
  INPUT_GRADIENT_RECIPES,
  usualChoice,
  WEIGHT_GRADIENT_RECIPES,
} from "../../../src/operators/conv-recipes.ts";
import { loadRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { buildWithFastest } from "../../../src/training/fastest-recipes.ts";
import { keepRecipes, keptRecipes } from "../../../src/training/recipe-memory.ts";

const geometry: ConvGeometry = {
  group: 1,
  batch: 4,
  channels: 3,
  filters: 8,
  sizes: [12, 12],
  outputSizes: [12, 12],
  kernel: [3, 3],
  strides: [1, 1],
  dilations: [1, 1],
  begin: [1, 1],
  end: [1, 1],
  readEnd: [1, 1],
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "normlens-recipes-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function recipesFor(file: string | undefined, signal = new AbortController().signal) {
  const timing = { runtime: await loadRuntime(), threads: 1, file, signal };
  return buildWithFastest(timing, (recipes: ConvRecipes) => {
    recipes.choose(geometry);
    return recipes;
  });
}

test("recipes that were timed apply, and are remembered for the next run", async () => {
  const file = join(folder, "deep", "recipes.json");
  const recipes = await recipesFor(file);
  const choice = recipes.choose(geometry);
  for (const [all, name] of [
    [FORWARD_RECIPES, choice.forward],
    [INPUT_GRADIENT_RECIPES, choice.inputGradient],
    [WEIGHT_GRADIENT_RECIPES, choice.weightGradient],
  ] as const) {
    const recipe = all.find((each) => each.name === name);
    expect(recipe?.applies(geometry, recipes.machine), name).toBe(true);
  }
  const kept = await readFile(file, "utf8");
  expect(kept).toContain(choice.weightGradient);
  // Nothing but the file can make the next run take what is the slowest here.
  await writeFile(file, kept.replaceAll(choice.weightGradient, "product-per-tap"));
  expect((await recipesFor(file)).choose(geometry).weightGradient).toBe("product-per-tap");
});

test.each([
  ["is cut off", '{"onnxruntime-node'],
  ["is no object", "[1, null]"],
  ["names recipes that do not exist", '{"any": {"key": {"forward": "magic"}}}'],
])("a memory that %s counts as empty", async (_, content) => {
  const file = join(folder, "damaged.json");
  await writeFile(file, content);
  const choice = (await recipesFor(file)).choose(geometry);
  expect(JSON.parse(await readFile(file, "utf8"))).not.toEqual(content);
  expect(await readFile(file, "utf8")).toContain(choice.weightGradient);
});

test("a remembered recipe that does not compute this convolution is timed anew", async () => {
  const file = join(folder, "edited.json");
  const { machine, choose } = await recipesFor(file);
  const other = INPUT_GRADIENT_RECIPES.find(({ applies }) => !applies(geometry, machine));
  const edited = (await readFile(file, "utf8")).replaceAll(
    `"inputGradient": "${choose(geometry).inputGradient}"`,
    `"inputGradient": "${other?.name}"`,
  );
  expect(edited).toContain(`"${other?.name}"`);
  await writeFile(file, edited);
  expect((await recipesFor(file)).choose(geometry).inputGradient).not.toBe(other?.name);
});

test("without a place to remember, and once cancelled, rules of thumb do", async () => {
  const cancelled = AbortSignal.abort();
  const recipes = await recipesFor(join(folder, "none.json"), cancelled);
  expect(recipes.choose(geometry)).toEqual(usualChoice(geometry, recipes.machine));
  await expect(readFile(join(folder, "none.json"))).rejects.toThrow("ENOENT");
  const unwritable = await recipesFor(join(folder, "deep", "recipes.json", "below-a-file.json"));
  expect(unwritable.choose(geometry).forward).not.toBe("");
});

test("what was not met while building goes by rules of thumb", async () => {
  const recipes = await recipesFor(undefined);
  const other = { ...geometry, batch: 5 };
  expect(recipes.choose(other)).toEqual(usualChoice(other, recipes.machine));
});

test("a run keeps the recipes it began with in its folder", async () => {
  const file = join(folder, "begun.json");
  const run = await mkdtemp(join(folder, "run-"));
  await keepRecipes(file, run);
  expect(keptRecipes(run)).toBeUndefined();
  const choice = (await recipesFor(file)).choose(geometry);
  await keepRecipes(file, run);
  const kept = keptRecipes(run);
  await rm(file);
  expect((await recipesFor(kept, AbortSignal.abort())).choose(geometry)).toEqual(choice);
});
