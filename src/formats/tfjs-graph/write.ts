import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { requireSameGraph } from "../layers/same-graph.ts";
import { withStoredWeights } from "../layers/stored-weights.ts";
import type { SaveOptions } from "../onnx/write.ts";
import { type EncodedModel, saveEncoded, written } from "../tfjs/write.ts";
import { readGraphModel } from "./read.ts";
import { rewriteFile } from "./rewrite-file.ts";
import { tfjsGraphSource } from "./source.ts";

/**
 * The model in its own files again: what was not changed has the bytes it had. The result is read
 * again and compared with the graph, node for node and number for number.
 *
 * @throws InputError saying what the format has no place for.
 */
export function encodeGraphModel(edited: Graph): EncodedModel {
  const graph = withStoredWeights(edited);
  const source = tfjsGraphSource(graph);
  if (source === undefined) {
    throw new InputError(
      "only a model that was read from TensorFlow.js can be written as TensorFlow.js; write it as .onnx",
    );
  }
  const { document, groups } = rewriteFile(source, graph);
  const text =
    document === source.document ? source.text : written(document, source.document, source.text);
  const again = readGraphModel({ text, document, groups });
  requireSameGraph(graph, again, "a TensorFlow.js graph model");
  return { document, text, groups };
}

/**
 * Writes model.json and its files of weights, as layers models are written.
 *
 * @returns the size written in bytes.
 */
export async function saveGraphModel(
  graph: Graph,
  target: string,
  options: SaveOptions = {},
): Promise<number> {
  return saveEncoded(encodeGraphModel(graph), target, options);
}
