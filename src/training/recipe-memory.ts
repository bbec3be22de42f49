import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { cpus, homedir } from "node:os";
import { dirname, join } from "node:path";
import type { ConvGeometry } from "../operators/conv-geometry.ts";
import type { ConvChoice, ConvMachine } from "../operators/conv-recipe.ts";
import {
  FORWARD_RECIPES,
  INPUT_GRADIENT_RECIPES,
  WEIGHT_GRADIENT_RECIPES,
} from "../operators/conv-recipes.ts";
import type { Runtime } from "../runtime/runtime.ts";

/**
 * What has been timed on this machine, kept from run to run in a file: a second run starts at once,
 * and with the same recipes, so that the same seed gives the same curve to the last bit.
 */
export class RecipeMemory {
  readonly #file: string | undefined;
  readonly #machine: string;
  #choices: Map<string, ConvChoice> | undefined;

  /** @param file undefined keeps nothing beyond the process. */
  constructor(runtime: Runtime, machine: ConvMachine, file: string | undefined) {
    this.#file = file;
    const processor = cpus()[0]?.model ?? "";
    this.#machine = [runtime.name, runtime.version, processor, machine.channelBlock].join(" · ");
  }

  async get(geometry: ConvGeometry): Promise<ConvChoice | undefined> {
    this.#choices ??= new Map(Object.entries((await this.#read())[this.#machine] ?? {}));
    return this.#choices.get(keyOf(geometry));
  }

  set(geometry: ConvGeometry, choice: ConvChoice): void {
    this.#choices?.set(keyOf(geometry), choice);
  }

  /** Without a place to write to, the next run times again. */
  async save(): Promise<void> {
    if (this.#file === undefined || this.#choices === undefined) return;
    const all = { ...(await this.#read()), [this.#machine]: Object.fromEntries(this.#choices) };
    const temporary = `${this.#file}.${process.pid}`;
    try {
      await mkdir(dirname(this.#file), { recursive: true });
      await writeFile(temporary, JSON.stringify(all, null, 1));
      await rename(temporary, this.#file);
    } catch {
      return;
    }
  }

  /** A file that is missing, damaged or of another version of NormLens counts as empty. */
  async #read(): Promise<Record<string, Record<string, ConvChoice>>> {
    if (this.#file === undefined) return {};
    try {
      const parsed: unknown = JSON.parse(await readFile(this.#file, "utf8"));
      return Object.fromEntries(
        entriesOf(parsed).map(([machine, choices]) => [
          machine,
          Object.fromEntries(
            entriesOf(choices).filter((entry): entry is [string, ConvChoice] => isChoice(entry[1])),
          ),
        ]),
      );
    } catch {
      return {};
    }
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
function keyOf(geometry: ConvGeometry): string {
  const { batch, channels, filters, group, sizes, kernel, strides, dilations, begin, end } =
    geometry;
  const window = [sizes, kernel, strides, dilations, begin, end].map((axes) => axes.join("x"));
  return [batch, channels, filters, group, ...window].join(" ");
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function isChoice(value: unknown): value is ConvChoice {
  const choice = Object.fromEntries(entriesOf(value));
  const known = (recipes: readonly { readonly name: string }[], name: unknown) =>
    recipes.some((recipe) => recipe.name === name);
  return (
    known(FORWARD_RECIPES, choice.forward) &&
    known(INPUT_GRADIENT_RECIPES, choice.inputGradient) &&
    known(WEIGHT_GRADIENT_RECIPES, choice.weightGradient)
  );
}
