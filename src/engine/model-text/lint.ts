import { extname } from "node:path";
import { findings } from "../../findings/registry.ts";
import { inFile, readModelFile } from "../../formats/onnx/model-file.ts";
import { readModelAsNeeded } from "../../formats/registry.ts";
import { InputError } from "../../graph/input-error.ts";
import type { TextRange } from "../../protocol/model-text.ts";
import type { Finding } from "../../protocol/reports.ts";
import { modelTextView } from "./model-text-view.ts";
import { ModelTexts } from "./model-texts.ts";

export type FileFinding = Finding & {
  readonly file: string;
  /** Where in the file's text; null for files that are no text. */
  readonly range: TextRange | null;
};

/**
 * The findings on a model file, those on a model.json with their places in its text.
 *
 * @throws InputError naming the file that cannot be read.
 */
export async function lintModel(file: string): Promise<FileFinding[]> {
  const placed = extname(file).toLowerCase() === ".json" ? await lintText(file) : undefined;
  if (placed !== undefined) return placed;
  const graph = await readModelAsNeeded(file);
  return findings(graph).map((finding) => ({ file, range: null, ...finding }));
}

/** @returns undefined where the text is no model of TensorFlow.js; the reader says what it is then. */
async function lintText(path: string): Promise<FileFinding[] | undefined> {
  const text = new TextDecoder().decode(await readModelFile(path));
  const model = await new ModelTexts().get({ path, text });
  if (model === undefined) return undefined;
  if (model.graph instanceof InputError) throw inFile(model.graph, path);
  return modelTextView(model).findings.map(({ layer: _, range, ...finding }) => ({
    file: path,
    range,
    ...finding,
  }));
}
