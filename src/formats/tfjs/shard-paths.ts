import { readFile, stat } from "node:fs/promises";
import { isObject, parseJson } from "../layers/json.ts";
import { parseManifest } from "./manifest.ts";

/** A topology of thousands of layers takes a few megabytes. */
export const LARGEST_DOCUMENT_BYTES = 256 * 2 ** 20;

/**
 * The files of weights that a model.json names, relative to its folder; none where it is no model,
 * or one that cannot be read.
 */
export async function shardPaths(file: string): Promise<readonly string[]> {
  try {
    if ((await stat(file)).size > LARGEST_DOCUMENT_BYTES) return [];
    return shardPathsOf(new TextDecoder().decode(await readFile(file)));
  } catch {
    // Whoever reads the model says what is wrong with it.
    return [];
  }
}

/** As shardPaths, for the text of a model.json. */
export function shardPathsOf(text: string): readonly string[] {
  try {
    const document = parseJson(text, "the model's JSON");
    const manifest = isObject(document) ? document.weightsManifest : undefined;
    return parseManifest(manifest).flatMap((group) => group.paths);
  } catch {
    return [];
  }
}
