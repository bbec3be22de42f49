import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { writeHdf5 } from "../hdf5/write.ts";
import { findLayerEdits } from "../layers/layer-edits.ts";
import { rewrittenConfig } from "../layers/rewrite-config.ts";
import { requireSameGraph } from "../layers/same-graph.ts";
import { saveBytes } from "../layers/save-bytes.ts";
import { withStoredWeights } from "../layers/stored-weights.ts";
import { changedText } from "../layers/text-edits.ts";
import type { SaveOptions } from "../onnx/write.ts";
import { readKerasH5 } from "./read.ts";
import { rewrittenRoot, withConfig } from "./rewrite-weights.ts";
import { kerasH5Source } from "./source.ts";

/**
 * The model as an .h5 file again; without an edit, the very same bytes. The result is read again and
 * compared with the graph, node for node and number for number.
 *
 * @throws InputError saying what the format has no place for.
 */
export async function encodeKerasH5(edited: Graph): Promise<Uint8Array> {
  const graph = withStoredWeights(edited);
  const source = kerasH5Source(graph);
  if (source === undefined) {
    throw new InputError(
      "only a model that was read from a Keras .h5 file can be written as .h5; write it as .onnx",
    );
  }
  const edits = findLayerEdits(source.read, graph, source.records);
  const config = rewrittenConfig(source.model, edits);
  let file = source.file;
  if (config !== source.model.raw || edits.weights.length > 0) {
    const root = rewrittenRoot(source, edits, config);
    const text = changedText(source.text, source.model.raw, config);
    file = await writeHdf5(config === source.model.raw ? root : withConfig(root, text));
  }
  const again = file === source.file ? source.read : await readKerasH5(file);
  requireSameGraph(graph, again, "a Keras model");
  return file;
}

/** Writes the file, all or nothing. @returns the size written in bytes. */
export async function saveKerasH5(
  graph: Graph,
  target: string,
  options: SaveOptions = {},
): Promise<number> {
  return saveBytes(() => encodeKerasH5(graph), target, options);
}
