import { GraphBuilder } from "../graph/builder.ts";
import { changeGraph, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { nodeRole } from "../graph/node-role.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type LayerBehind, layerNames, linearLayersBehind } from "./behind-dropout.ts";
import { type Candidate, sitesOf } from "./candidates.ts";
import { dropRatio, dropsAtInference, isDropout } from "./dropout.ts";
import type { Absorption, LinearLayer } from "./linear-layer.ts";
import { type Pass, type PassOptions, type PassResult, siteId } from "./pass.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { requireSites } from "./sites.ts";

/**
 * Dropout as it was first written (Srivastava et al. 2014, section 4) multiplies by a mask while
 * training, r ~ Bernoulli(p), y = W·(r ⊙ x) + b, and the weights by p afterwards, since
 *
 *   E[W·(r ⊙ x)] + b = (p·W)·x + b.
 *
 * ONNX's Dropout is inverted, r ⊙ x / p, and (p·W)·(r ⊙ x / p) = W·(r ⊙ x): the same factor makes a
 * model that was trained the first way right in ONNX, for inference and for training on. Biases
 * stay. "to-training" divides by p and gives the first weights back.
 */
export const rescaleDropout: Pass = {
  id: "rescale-dropout",
  title: "Rescale weights behind Dropout",
  description:
    "Multiplies the weights behind each Dropout by its keep probability, for models trained without ONNX's 1/(1 − ratio).",
  options: [
    {
      name: "direction",
      kind: "choice",
      description: "to-inference multiplies by the keep probability, to-training divides by it.",
      default: "to-inference",
      choices: ["to-inference", "to-training"],
    },
    {
      name: "keep",
      kind: "number",
      description: "The keep probability; 0 takes 1 − ratio of each Dropout.",
      default: 0,
      minimum: 0,
      maximum: 1,
    },
  ],
  data: "never",
  preserves: () => "nothing",
  find: (graph, options) =>
    sitesOf(plans(graph, options), ({ layers, factor }) => ({
      into: siteId((layers[0] as LayerBehind).node),
      title: `Multiply the weights of ${layerNames(layers)} by ${short(factor)}`,
    })),
  apply,
};

interface Plan {
  readonly keep: number;
  readonly factor: number;
  readonly layers: readonly LayerBehind[];
}

function plans(graph: Graph, options: PassOptions): readonly Candidate<Plan>[] {
  return graph.nodes
    .filter(isDropout)
    .map((node) => ({ node, plan: planOf(graph, node, options) }));
}

function planOf(graph: Graph, node: Node, options: PassOptions): Plan | Refusal {
  if (nodeRole(node) !== undefined) {
    return refuse(`${nodeLabel(node)} stands for ${nodeRole(node)}, which is not rescaled.`);
  }
  const drops = dropsAtInference(graph, node);
  if (typeof drops === "object") return drops;
  if (drops)
    return refuse(`${nodeLabel(node)} drops at inference as well, where nothing is to do.`);
  const ratio = options.keep === 0 ? dropRatio(graph, node) : 1 - Number(options.keep);
  if (typeof ratio === "object") return ratio;
  if (ratio === 0) return refuse(`${nodeLabel(node)} keeps everything, so its factor is 1.`);
  const keep = options.keep === 0 ? 1 - ratio : Number(options.keep);
  const factor = options.direction === "to-training" ? 1 / keep : keep;
  const layers = linearLayersBehind(graph, node);
  if (isRefusal(layers)) return layers;
  const problem = layers.map(({ layer }) => scaled(layer, factor)).find(isRefusal);
  return problem ?? { keep, factor, layers };
}

/** The layer with a factor in front of all it reads. */
function scaled(layer: LinearLayer, factor: number): Absorption | Refusal {
  const scale = new Float64Array(layer.channels).fill(factor);
  return layer.absorb({ scale, shift: new Float64Array(layer.channels) });
}

function apply(
  graph: Graph,
  sites: readonly string[] | undefined,
  options: PassOptions,
): PassResult {
  const wanted = requireSites(rescaleDropout, graph, sites, options);
  const applied: { node: string; into: string }[] = [];
  const skipped: { node: string; reason: string }[] = [];
  const rows: (string | number)[][] = [];
  // A layer behind two Dropouts in a row takes up both factors and is rounded once.
  const factors = new Map<LinearLayer["node"], { layer: LinearLayer; factor: number }>();
  for (const { node, plan } of plans(graph, options)) {
    const id = siteId(node);
    if (!wanted(id)) continue;
    if (isRefusal(plan)) {
      skipped.push({ node: id, reason: plan.reason });
      continue;
    }
    for (const { node: layerNode, layer } of plan.layers) {
      const factor = (factors.get(layerNode)?.factor ?? 1) * plan.factor;
      factors.set(layerNode, { layer, factor });
      rows.push([id, siteId(layerNode), plan.keep, plan.factor]);
    }
    applied.push({ node: id, into: siteId((plan.layers[0] as LayerBehind).node) });
  }
  const title = "Factors";
  const columns = ["Dropout", "layer", "keep probability", "factor"];
  return {
    graph: rebuilt(graph, factors),
    applied,
    skipped,
    siteOutputs: [],
    ...(applied.length === 0
      ? {}
      : { statement: statement(options), tables: [{ title, columns, rows }] }),
  };
}

function rebuilt(
  graph: Graph,
  factors: ReadonlyMap<Node, { readonly layer: LinearLayer; readonly factor: number }>,
): Graph {
  const names = { builder: new GraphBuilder(takenNames(graph)), copies: false };
  const replace = new Map<Node, readonly Node[]>();
  const initializers: Tensor[] = [];
  for (const [node, { layer, factor }] of factors) {
    const absorption = scaled(layer, factor);
    // Two factors that each fit can be too large together.
    if (isRefusal(absorption)) throw new InputError(`rescale-dropout: ${absorption.reason}`);
    const changes = absorption.build({ names, output: node.output[0] ?? "" });
    replace.set(node, changes.nodes);
    for (const [old, nodes] of changes.replace ?? []) replace.set(old, nodes);
    initializers.push(...changes.initializers);
  }
  return changeGraph(graph, { replace, initializers });
}

function statement(options: PassOptions): string {
  return options.direction === "to-training"
    ? "The weights behind Dropout are divided by its keep probability p: they are those that a mask without 1/p is trained with, and too large for inference."
    : "The weights behind Dropout are multiplied by its keep probability p: a layer now computes p·W·x + b, the mean of W·(mask·x) + b over the masks, and ONNX's Dropout with its 1/p trains the same function as the mask alone did.";
}

function short(factor: number): string {
  return String(Number(factor.toPrecision(4)));
}
