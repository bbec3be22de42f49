import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type LayerPlace, layerPlaces } from "../../formats/tfjs/layer-places.ts";
import { readTfjs } from "../../formats/tfjs/read.ts";
import { shardPathsOf } from "../../formats/tfjs/shard-paths.ts";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import type { ModelTextRequest } from "../../protocol/model-text.ts";
import { TextLines } from "./text-lines.ts";

/** A model.json as it stands in an editor. */
export interface ModelText {
  readonly text: string;
  readonly lines: TextLines;
  /** The whole model; its layers are the children. */
  readonly place: LayerPlace;
  /** Or why there is none. */
  readonly graph: Graph | InputError;
}

interface KnownText {
  readonly text: string;
  readonly weights: string;
  readonly model: ModelText | undefined;
}

/** How many models of open editors are kept; their weights are in memory. */
const KEPT = 4;

/**
 * The models in texts that are being edited. Like Documents it is only a cache: every request brings
 * the whole text along, and weights that somebody has written since are read again.
 */
export class ModelTexts {
  readonly #known = new Map<string, Promise<KnownText>>();

  /** @returns undefined for a text that is no model of TensorFlow.js. */
  async get({ path, text }: ModelTextRequest): Promise<ModelText | undefined> {
    const weights = await weightsState(path, text);
    const known = await this.#known.get(path)?.catch(() => undefined);
    if (known?.text === text && known.weights === weights) return known.model;
    const reading = readText(path, text).then((model) => ({ text, weights, model }));
    this.#known.delete(path);
    this.#known.set(path, reading);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KEPT) break;
      this.#known.delete(oldest);
    }
    return (await reading).model;
  }

  /** @throws InputError where the text is no model or one that cannot be read. */
  async readable(request: ModelTextRequest): Promise<ModelText & { readonly graph: Graph }> {
    const model = await this.get(request);
    if (model === undefined) throw new InputError("is not a model", request.path);
    const { graph } = model;
    if (graph instanceof InputError) throw graph;
    return { ...model, graph };
  }
}

async function readText(path: string, text: string): Promise<ModelText | undefined> {
  const place = layerPlaces(text);
  if (place === undefined) return undefined;
  const lines = new TextLines(text);
  try {
    const graph = await readTfjs(new TextEncoder().encode(text), path);
    return { text, lines, place, graph };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { text, lines, place, graph: error };
  }
}

/** Sizes and times of the files of weights that a text names. */
async function weightsState(path: string, text: string): Promise<string> {
  const states = shardPathsOf(text).map(async (shard) => {
    const info = await stat(join(dirname(path), shard)).catch(() => undefined);
    return `${shard} ${info?.size} ${info?.mtimeMs}`;
  });
  return (await Promise.all(states)).join("\n");
}
