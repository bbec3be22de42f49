import { tfjsSource } from "../../formats/tfjs/source.ts";
import { encodeTfjs } from "../../formats/tfjs/write.ts";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import { checkedOptions } from "../../passes/options.ts";
import { findPass } from "../../passes/registry.ts";
import type { TechniqueSite } from "../../protocol/engine.ts";
import type { LayerSite } from "../../protocol/model-text.ts";
import { needsData } from "../../protocol/technique-options.ts";
import { throwIfCancelled } from "../context.ts";
import { sitesAt } from "../technique-sites.ts";
import { layersByNode } from "./model-text-view.ts";

/** Trying takes about as long as reading the weights; with more, only what is chosen is tried. */
const MOST_TRIED_BYTES = 64 * 2 ** 20;

const known = new WeakMap<Graph, Map<string, readonly LayerSite[]>>();

/**
 * What the passes could do at a layer. Each is tried, so that what the layers of the file cannot
 * express is told under the light bulb instead of afterwards.
 */
export function layerSites(graph: Graph, layer: string, signal: AbortSignal): readonly LayerSite[] {
  const ofGraph = known.get(graph) ?? new Map<string, readonly LayerSite[]>();
  known.set(graph, ofGraph);
  const before = ofGraph.get(layer);
  if (before !== undefined) return before;
  const nodes = [...layersByNode(graph)].filter(([, each]) => each === layer);
  const sites = nodes.flatMap(([node]) => sitesAt(graph, node));
  const tried = sites.map((site): LayerSite => {
    throwIfCancelled(signal);
    const refusal = refusalOf(graph, site);
    return refusal === undefined ? site : { ...site, refusal };
  });
  ofGraph.set(layer, tried);
  return tried;
}

function refusalOf(graph: Graph, { pass: id, site }: TechniqueSite): string | undefined {
  const source = tfjsSource(graph);
  if (source === undefined || source.totalBytes > MOST_TRIED_BYTES) return undefined;
  const pass = findPass(id);
  try {
    const options = checkedOptions(pass);
    if (needsData(pass, options)) return undefined;
    encodeTfjs(pass.apply(graph, [site], options).graph);
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}
