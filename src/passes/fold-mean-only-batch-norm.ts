import { GraphBuilder } from "../graph/builder.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { nodeRole, withoutRole } from "../graph/node-role.ts";
import { roundedTensor } from "../graph/numbers.ts";
import type { Tensor } from "../graph/tensor.ts";
import { channelConstantDims } from "./channel-constant.ts";
import { biasName, nameForChanged } from "./fold-pattern.ts";
import { cannotHold } from "./layer-weight.ts";
import { overflowOf } from "./overflow.ts";
import { type Pass, type PassResult, type Site, type SiteOutput, siteId } from "./pass.ts";
import { channelShift, layerPlaces, onlyReader, type PreActivation } from "./pre-activation.ts";
import { biasValue, channelBias, layerWithBias, layerWithoutBias } from "./pre-activation-bias.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { requireSites } from "./sites.ts";

/**
 * Makes a mean-only BatchNorm at inference a part of the bias of the layer before it:
 *
 *   (W·x + b) − μ + β = W·x + (b − μ + β)
 *
 * The sum is computed in float64 and rounded once. The weight is not touched, so that it may be
 * computed by other operators, as weight normalization's is.
 */
export const foldMeanOnlyBatchNorm: Pass = {
  id: "fold-mean-only-batch-norm",
  title: "Fold mean-only BatchNorm",
  description: "Adds the running mean and shift of each mean-only BatchNorm to the layer's bias.",
  options: [],
  data: "never",
  preserves: () => "inference",
  find: (graph) => candidates(graph).map(({ node, fold }) => site(node, fold)),
  apply,
};

interface Fold extends PreActivation {
  /** The Sub of the running mean. */
  readonly sub: Node;
  /** The Add of β, where one alone reads the Sub. */
  readonly shift: Node | undefined;
  /** b − μ + β. */
  readonly bias: Float64Array;
}

function candidates(graph: Graph) {
  const subs = graph.nodes.filter(
    (node) => node.opType === "Sub" && nodeRole(node) === "mean-only-batch-norm",
  );
  if (subs.length === 0) return [];
  const places = new Map<string, PreActivation>();
  for (const { place } of layerPlaces(graph)) {
    if (!isRefusal(place)) places.set(place.value, place);
  }
  return subs.map((node) => ({ node, fold: findFold(graph, node, places) }));
}

function site(node: Node, fold: Fold | Refusal): Site {
  const id = siteId(node);
  if (isRefusal(fold)) return { node, id, applicable: false, reason: fold.reason };
  const into = siteId(fold.layer);
  return { node, id, applicable: true, into, title: `Fold ${id} into ${into}` };
}

function findFold(
  graph: Graph,
  sub: Node,
  places: ReadonlyMap<string, PreActivation>,
): Fold | Refusal {
  const [value = "", mean = ""] = sub.input;
  const [centred = ""] = sub.output;
  const place = places.get(value);
  if (place === undefined) {
    const producer = indexOf(graph).producer(value);
    const source = producer === undefined ? "" : `, the result of ${nodeLabel(producer)}`;
    return refuse(`No layer whose bias could take it up makes ${value}${source}.`);
  }
  if (onlyReader(graph, value) !== sub) {
    return refuse(`Others than ${siteId(sub)} read ${value}, the result of the layer.`);
  }
  const { channels, dataType, layer } = place;
  const minusMean = channelShift(graph, sub, value, channels);
  if (minusMean === undefined) {
    return refuse(
      `The running mean of ${siteId(sub)} (${mean}) is not one stored number a channel of ${value}.`,
    );
  }
  const own = channelBias(graph, place);
  if (isRefusal(own)) return own;
  const reader = onlyReader(graph, centred);
  const beta =
    reader?.opType === "Add" ? channelShift(graph, reader, centred, channels) : undefined;
  const bias = own.map((b, channel) => b + (minusMean[channel] as number) + (beta?.[channel] ?? 0));
  const overflow = overflowOf(bias, dataType);
  if (overflow !== undefined) return cannotHold(layer, overflow);
  return { ...place, sub, shift: beta === undefined ? undefined : reader, bias };
}

function apply(graph: Graph, sites: readonly string[] | undefined): PassResult {
  const wanted = requireSites(foldMeanOnlyBatchNorm, graph, sites);
  const names = new GraphBuilder(takenNames(graph));
  const replace = new Map<Node, readonly Node[]>();
  const initializers: Tensor[] = [];
  const applied: { node: string; into: string }[] = [];
  const skipped: { node: string; reason: string }[] = [];
  const siteOutputs: SiteOutput[] = [];
  for (const { node, fold } of candidates(graph)) {
    const id = siteId(node);
    if (!wanted(id)) continue;
    if (isRefusal(fold)) {
      skipped.push({ node: id, reason: fold.reason });
      continue;
    }
    initializers.push(...rewrite(graph, fold, names, replace));
    applied.push({ node: id, into: siteId(fold.layer) });
    const [value = ""] = (fold.shift ?? fold.sub).output;
    siteOutputs.push({ site: id, before: value, after: value });
  }
  return { graph: changeGraph(graph, { replace, initializers }), applied, skipped, siteOutputs };
}

/** @returns the new bias; none where it is zero and there was none. */
function rewrite(
  graph: Graph,
  { layer, add, sub, shift, bias, channels, rank, dataType }: Fold,
  builder: GraphBuilder,
  replace: Map<Node, readonly Node[]>,
): readonly Tensor[] {
  const last = shift ?? sub;
  const [output = ""] = last.output;
  for (const node of [add, sub, shift]) if (node !== undefined) replace.set(node, []);
  const old = biasValue(layer);
  if (old === "" && bias.every((value) => value === 0)) {
    replace.set(layer, [layerWithoutBias(layer, output)]);
    return [];
  }
  const names = { builder, copies: false };
  const known = graph.initializers.get(old);
  const name =
    known === undefined
      ? biasName(layer.input[1] ?? "", names)
      : nameForChanged(graph, old, known, names);
  if (layer.opType !== "MatMul") {
    replace.set(layer, [layerWithBias(layer, name, output)]);
    return [roundedTensor(name, [channels], dataType, bias)];
  }
  const input = [layer.output[0] ?? "", name];
  replace.set(last, [changeNode(withoutRole(last), { opType: "Add", input })]);
  return [roundedTensor(name, channelConstantDims(graph, channels, 1, rank), dataType, bias)];
}
