import type { GraphBuilder } from "../graph/builder.ts";
import { changeNode } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { nodeRole, withoutRole } from "../graph/node-role.ts";
import { roundedTensor } from "../graph/numbers.ts";
import { type Candidate, changeSites, type SiteChange, sitesOf } from "./candidates.ts";
import { channelConstantDims } from "./channel-constant.ts";
import { biasName, nameForChanged } from "./fold-pattern.ts";
import { cannotHold } from "./layer-weight.ts";
import { overflowOf } from "./overflow.ts";
import { type Pass, type PassResult, siteId } from "./pass.ts";
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
  find: (graph) =>
    sitesOf(candidates(graph), ({ layer }, id) => ({
      into: siteId(layer),
      title: `Fold ${id} into ${siteId(layer)}`,
    })),
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

function candidates(graph: Graph): readonly Candidate<Fold>[] {
  const subs = graph.nodes.filter(
    (node) => node.opType === "Sub" && nodeRole(node) === "mean-only-batch-norm",
  );
  if (subs.length === 0) return [];
  const places = new Map<string, PreActivation>();
  for (const { place } of layerPlaces(graph)) {
    if (!isRefusal(place)) places.set(place.value, place);
  }
  return subs.map((node) => ({ node, plan: findFold(graph, node, places) }));
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
  const found = candidates(graph).filter(({ node }) => wanted(siteId(node)));
  return changeSites(graph, found, (fold, builder) => rewrite(graph, fold, builder));
}

/** A bias that is zero is left out where there was none. */
function rewrite(
  graph: Graph,
  { layer, add, sub, shift, bias, channels, rank, dataType }: Fold,
  builder: GraphBuilder,
): SiteChange {
  const last = shift ?? sub;
  const [output = ""] = last.output;
  const replace = new Map<Node, readonly Node[]>();
  for (const node of [add, sub, shift]) if (node !== undefined) replace.set(node, []);
  const done = { replace, into: siteId(layer), keeps: output };
  const old = biasValue(layer);
  if (old === "" && bias.every((value) => value === 0)) {
    replace.set(layer, [layerWithoutBias(layer, output)]);
    return done;
  }
  const names = { builder, copies: false };
  const known = graph.initializers.get(old);
  const name =
    known === undefined
      ? biasName(layer.input[1] ?? "", names)
      : nameForChanged(graph, old, known, names);
  if (layer.opType !== "MatMul") {
    replace.set(layer, [layerWithBias(layer, name, output)]);
    return { ...done, initializers: [roundedTensor(name, [channels], dataType, bias)] };
  }
  const input = [layer.output[0] ?? "", name];
  replace.set(last, [changeNode(withoutRole(last), { opType: "Add", input })]);
  const dims = channelConstantDims(graph, channels, 1, rank);
  return { ...done, initializers: [roundedTensor(name, dims, dataType, bias)] };
}
