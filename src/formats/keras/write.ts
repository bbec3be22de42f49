import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { writeHdf5 } from "../hdf5/write.ts";
import type { JsonObject } from "../layers/json.ts";
import { findLayerEdits } from "../layers/layer-edits.ts";
import { rewrittenConfig } from "../layers/rewrite-config.ts";
import { requireSameGraph } from "../layers/same-graph.ts";
import { saveBytes } from "../layers/save-bytes.ts";
import { withStoredWeights } from "../layers/stored-weights.ts";
import { changedText } from "../layers/text-edits.ts";
import type { SaveOptions } from "../onnx/write.ts";
import { CONFIG, rewriteArchive, WEIGHTS } from "./archive.ts";
import { readKeras } from "./read.ts";
import { rewrittenWeights } from "./rewrite-weights.ts";
import { type KerasSource, kerasSource } from "./source.ts";

/**
 * The model as a .keras archive again; without an edit, the very same bytes. The result is read again
 * and compared with the graph, node for node and number for number.
 *
 * @throws InputError saying what the format has no place for.
 */
export async function encodeKeras(edited: Graph): Promise<Uint8Array> {
  const graph = withStoredWeights(edited);
  const source = kerasSource(graph);
  if (source === undefined) {
    throw new InputError(
      "only a model that was read from a .keras file can be written as .keras; write it as .onnx",
    );
  }
  const archive = await rewritten(source, graph);
  const again = archive === source.archive ? source.read : await readKeras(archive);
  requireSameGraph(graph, again, "a Keras model");
  return archive;
}

async function rewritten(source: KerasSource, graph: Graph): Promise<Uint8Array> {
  const edits = findLayerEdits(source.read, graph, source.records);
  const config: JsonObject = rewrittenConfig(source.model, edits);
  const weights = rewrittenWeights(source, edits, config);
  if (config === source.model.raw && weights === source.weights) return source.archive;
  const changed = new Map<string, Uint8Array>();
  if (config !== source.model.raw) {
    const text = changedText(source.text, source.model.raw, config);
    changed.set(CONFIG, new TextEncoder().encode(text));
  }
  if (weights !== source.weights) changed.set(WEIGHTS, await writeHdf5(weights));
  return rewriteArchive(source.archive, changed);
}

/** Writes the archive, all or nothing. @returns the size written in bytes. */
export async function saveKeras(
  graph: Graph,
  target: string,
  options: SaveOptions = {},
): Promise<number> {
  return saveBytes(() => encodeKeras(graph), target, options);
}
