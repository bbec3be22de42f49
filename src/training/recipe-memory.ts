import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { cpus, homedir } from "node:os";
import { dirname, join } from "node:path";
import { writeWhole } from "../formats/onnx/new-file.ts";
import type { ConvGeometry } from "../operators/conv-geometry.ts";
import type { ConvChoice, ConvMachine } from "../operators/conv-recipe.ts";
import {
  FORWARD_RECIPES,
  INPUT_GRADIENT_RECIPES,
  isChoiceFor,
  WEIGHT_GRADIENT_RECIPES,
} from "../operators/conv-recipes.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** Choices by convolution, for each machine; as read, so of any kind. */
type Stored = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * What has been timed on this machine, kept from run to run in a file: a second run starts at once,
 * and with the same recipes, so that the same seed gives the same curve to the last bit.
 */
export class RecipeMemory {
  readonly #file: string | undefined;
  readonly #machine: ConvMachine;
  readonly #machineName: string;
  readonly #choices: Map<string, unknown>;

  private constructor(
    file: string | undefined,
    machine: ConvMachine,
    machineName: string,
    stored: Stored,
  ) {
    this.#file = file;
    this.#machine = machine;
    this.#machineName = machineName;
    this.#choices = new Map(Object.entries(stored[machineName] ?? {}));
  }

  /** @param file undefined keeps nothing beyond the process. */
  static async open(
    runtime: Runtime,
    machine: ConvMachine,
    file: string | undefined,
  ): Promise<RecipeMemory> {
    const processor = cpus()[0]?.model ?? "";
    const parts = [runtime.name, runtime.version, processor, machine.channelBlock, recipesKey()];
    const name = parts.join(" · ");
    return new RecipeMemory(file, machine, name, await readStored(file));
  }

  get(geometry: ConvGeometry): ConvChoice | undefined {
    const choice = this.#choices.get(geometryKey(geometry));
    return isChoiceFor(choice, geometry, this.#machine) ? choice : undefined;
  }

  set(geometry: ConvGeometry, choice: ConvChoice): void {
    this.#choices.set(geometryKey(geometry), choice);
  }

  /** Without a place to write to, the next run times again. */
  async save(): Promise<void> {
    if (this.#file === undefined) return;
    const others = await readStored(this.#file);
    const all = { ...others, [this.#machineName]: Object.fromEntries(this.#choices) };
    try {
      await mkdir(dirname(this.#file), { recursive: true });
      await writeWhole(this.#file, JSON.stringify(all, null, 1));
    } catch {
      return;
    }
  }
}

/** A file that is missing or damaged counts as empty. */
async function readStored(file: string | undefined): Promise<Stored> {
  if (file === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(await readFile(file, "utf8"));
    return Object.fromEntries(
      entriesOf(parsed).map(([machine, choices]) => [
        machine,
        Object.fromEntries(entriesOf(choices)),
      ]),
    );
  } catch {
    return {};
  }
}

/** Where programs of this system keep what they can make again. */
export function recipeFile(): string {
  const home = homedir();
  const folders: Partial<Record<NodeJS.Platform, string>> = {
    win32: process.env.LOCALAPPDATA ?? join(home, "AppData", "Local"),
    darwin: join(home, "Library", "Caches"),
  };
  const folder = folders[process.platform] ?? process.env.XDG_CACHE_HOME ?? join(home, ".cache");
  return join(folder, "normlens", "convolution-recipes.json");
}

const RUN_RECIPES = "recipes.json";

/** Keeps what a run began with in its folder, so that it can go on with nothing else. */
export async function keepRecipes(file: string, runFolder: string): Promise<void> {
  // There is no file where nothing could be remembered, and nothing to copy in a model without Conv.
  await copyFile(file, join(runFolder, RUN_RECIPES)).catch(() => undefined);
}

/** The recipes that a run began with; undefined where its folder has none. */
export function keptRecipes(runFolder: string): string | undefined {
  const file = join(runFolder, RUN_RECIPES);
  return existsSync(file) ? file : undefined;
}

/** Everything that decides the speed, in a fixed order. */
export function geometryKey(geometry: ConvGeometry): string {
  const { batch, channels, filters, group, sizes, outputSizes } = geometry;
  const { kernel, strides, dilations, begin, end } = geometry;
  const axes = [sizes, outputSizes, kernel, strides, dilations, begin, end];
  return [batch, channels, filters, group, ...axes.map((each) => each.join("x"))].join(" ");
}

/** Another set of recipes has to be timed anew. */
function recipesKey(): string {
  const names = [...FORWARD_RECIPES, ...INPUT_GRADIENT_RECIPES, ...WEIGHT_GRADIENT_RECIPES].map(
    ({ name }) => name,
  );
  return createHash("sha256").update(names.join(" ")).digest("hex").slice(0, 8);
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}
