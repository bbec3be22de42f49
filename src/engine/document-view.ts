import { basename } from "node:path";
import { isFloatingPoint } from "../graph/data-type.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import type { ValueType } from "../operators/operator.ts";
import { siteId } from "../passes/pass.ts";
import { valueTypes } from "../passes/value-types.ts";
import type { DocumentView, NodeRow, RuntimeReport } from "../protocol/engine.ts";
import type { OpenDocument } from "./documents.ts";
import { modelReport } from "./model-report.ts";

/** Everything the model page shows at once; details of one node come on request. */
export function documentView(
  path: string,
  document: OpenDocument,
  runtime: RuntimeReport,
): DocumentView {
  return {
    path,
    fileName: basename(path),
    report: modelReport(document.graph),
    rows: nodeRows(document),
    runtime,
  };
}

function nodeRows({ original, graph }: OpenDocument): NodeRow[] {
  const types = valueTypes(graph);
  const known = new Set(original.nodes);
  return graph.nodes.map((node, index) => ({
    index,
    name: siteId(node),
    opType: node.opType,
    output: shapeText(types.get(node.output[0] ?? "")),
    parameters: nodeParameters(graph, node),
    changed: !known.has(node) || node.input.some((input) => weightChanged(original, graph, input)),
  }));
}

function weightChanged(original: Graph, graph: Graph, name: string): boolean {
  return graph.initializers.get(name) !== original.initializers.get(name);
}

function nodeParameters(graph: Graph, node: Node): number {
  let count = 0;
  for (const input of node.input) {
    const tensor = graph.initializers.get(input);
    if (tensor !== undefined && isFloatingPoint(tensor.dataType))
      count += elementCount(tensor.dims);
  }
  return count;
}

/** "N×64×112×112"; "scalar" for no dimensions; "" where the shape is unknown. */
export function shapeText(type: ValueType | undefined): string {
  if (type === undefined) return "";
  return type.shape.length === 0 ? "scalar" : type.shape.join("×");
}
