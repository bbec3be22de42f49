import { basename } from "node:path";
import { findings } from "../findings/registry.ts";
import { dataTypeName } from "../graph/data-type.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { siteId } from "../passes/pass.ts";
import { valueTypes } from "../passes/value-types.ts";
import type { TextView } from "../protocol/engine.ts";
import { shapeText } from "./document-view.ts";
import { valueReport } from "./model-report.ts";
import { attributeText } from "./node-detail.ts";

type Symbols = TextView["symbols"][number];
type Folding = TextView["foldings"][number];

/** Where a node's name stands in the text. */
interface Place {
  readonly line: number;
  readonly startColumn: number;
  readonly endColumn: number;
}

/**
 * The model in the ONNX text notation (as onnx.printer writes it), one node after the other, with
 * the attributes on lines of their own so that they fold. Weights are named, not printed.
 */
export function textView(path: string, graph: Graph): TextView {
  const lines: string[] = [];
  const symbols: Symbols[] = [];
  const foldings: Folding[] = [];
  const places = new Map<string, Place>();
  writeHeader(lines, path, graph);
  const weightsStart = lines.length - 1;
  writeWeights(lines, graph);
  if (lines.length - 1 > weightsStart)
    foldings.push({ start: weightsStart, end: lines.length - 1 });
  const bodyStart = lines.length;
  lines.push("{");
  const types = valueTypes(graph);
  for (const node of graph.nodes) {
    const line = lines.length;
    writeNode(lines, node, shapeText(types.get(node.output[0] ?? "")));
    const endLine = lines.length - 1;
    const name = siteId(node);
    symbols.push({ name, detail: node.opType, line, endLine });
    if (endLine > line) foldings.push({ start: line, end: endLine });
    places.set(name, { line, startColumn: 3, endColumn: 3 + quoted(name).length });
  }
  lines.push("}");
  foldings.push({ start: bodyStart, end: lines.length - 1 });
  return { text: `${lines.join("\n")}\n`, symbols, foldings, findings: placed(graph, places) };
}

function placed(graph: Graph, places: ReadonlyMap<string, Place>): TextView["findings"] {
  const top: Place = { line: 0, startColumn: 0, endColumn: 0 };
  return findings(graph).map((finding) => ({
    ...finding,
    ...(places.get(finding.node) ?? top),
  }));
}

function writeHeader(lines: string[], path: string, graph: Graph): void {
  const opsets = [...graph.opsets].map(([domain, version]) => `"${printable(domain)}": ${version}`);
  lines.push(
    `// ${printable(basename(path))} (read-only; change it with the light bulbs)`,
    "<",
    `  ir_version: ${graph.irVersion},`,
    `  opset_import: [${opsets.join(", ")}],`,
    `  producer: ${JSON.stringify(printable(graph.producer))}`,
    ">",
  );
  const declare = (info: ValueInfo) => {
    const { name, type, shape } = valueReport(info);
    return `${type}[${shape.map((dim) => printable(String(dim))).join(",")}] ${quoted(name)}`;
  };
  const inputs = graph.inputs.filter((input) => !graph.initializers.has(input.name));
  lines.push(
    `${quoted(graph.name || "graph")} (${inputs.map(declare).join(", ")}) => (${graph.outputs.map(declare).join(", ")})`,
  );
}

function writeWeights(lines: string[], graph: Graph): void {
  if (graph.initializers.size === 0) return;
  lines.push("<");
  for (const tensor of graph.initializers.values()) {
    lines.push(
      `  ${dataTypeName(tensor.dataType)}[${tensor.dims.join(",")}] ${quoted(tensor.name)}`,
    );
  }
  lines.push(">");
}

function writeNode(lines: string[], node: Node, shape: string): void {
  const operator = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`;
  const start = `  [${quoted(siteId(node))}] ${node.output.map(quoted).join(", ")} = ${printable(operator)}`;
  const end = `(${node.input.map(quoted).join(", ")})${shape === "" ? "" : `  // ${printable(shape)}`}`;
  if (node.attribute.length === 0) {
    lines.push(`${start} ${end}`);
    return;
  }
  lines.push(`${start} <`);
  for (const attribute of node.attribute) {
    lines.push(`    ${printable(attribute.name)} = ${printable(attributeText(attribute))}`);
  }
  lines.push(`  > ${end}`);
}

/** Names are the file's and may hold anything; what is no plain identifier is quoted. */
function quoted(name: string): string {
  return /^[\w./:-]*$/.test(name) ? name : JSON.stringify(printable(name));
}

/** Line breaks and control characters would break the text's structure or hide parts of it. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");
}
