import { findings } from "../../findings/registry.ts";
import type { LayerPlace } from "../../formats/tfjs/layer-places.ts";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { nodeOrigin } from "../../graph/node-origin.ts";
import { siteId } from "../../passes/pass.ts";
import type { LayerFinding, LayerSymbol, ModelTextView } from "../../protocol/model-text.ts";
import type { ModelText } from "./model-texts.ts";
import type { TextLines } from "./text-lines.ts";

/** The outline of a model.json and what is to be said on its layers' own lines. */
export function modelTextView({ lines, place, graph }: ModelText): ModelTextView {
  const model = symbolOf(place, lines);
  const labels = new Map(labelsOf(model));
  if (graph instanceof InputError) {
    const { message } = graph;
    const range = labels.get(layerNamed(message, labels)) ?? model.label;
    return { model, findings: [], problem: { message, range } };
  }
  const layers = layersByNode(graph);
  const placed = findings(graph).map((finding): LayerFinding => {
    const layer = layers.get(finding.node) ?? finding.node;
    return { ...finding, layer, range: labels.get(layer) ?? model.label };
  });
  return { model, findings: placed };
}

/** The layer of each node, by the node's site; a node of a graph model is one itself. */
export function layersByNode(graph: Graph): ReadonlyMap<string, string> {
  return new Map(
    graph.nodes.map((node) => {
      const id = siteId(node);
      return [id, nodeOrigin(node)?.layer ?? id] as const;
    }),
  );
}

function symbolOf(place: LayerPlace, lines: TextLines): LayerSymbol {
  const { path, name, className, object, label, children } = place;
  return {
    path,
    name,
    className,
    range: lines.rangeOf(object),
    label: lines.rangeOf(label),
    children: children.map((child) => symbolOf(child, lines)),
  };
}

function* labelsOf(symbol: LayerSymbol): Iterable<[string, LayerSymbol["label"]]> {
  if (symbol.path !== "") yield [symbol.path, symbol.label];
  for (const child of symbol.children) yield* labelsOf(child);
}

/** Sentences about a layer begin with it: "layer encoder/conv1: …". */
function layerNamed(message: string, labels: ReadonlyMap<string, unknown>): string {
  const start = /^(?:.*: )?layer (.*)$/s.exec(message)?.[1] ?? "";
  const named = [...labels.keys()].filter((path) => start.startsWith(path));
  return named.sort((a, b) => b.length - a.length)[0] ?? "";
}
