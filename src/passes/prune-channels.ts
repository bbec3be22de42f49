import { GraphBuilder, makeValueInfo } from "../graph/builder.ts";
import { changeGraph, changeNode, takenNames } from "../graph/edit.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { InputError } from "../graph/input-error.ts";
import { readFloat64 } from "../graph/numbers.ts";
import { int64Tensor, type Tensor } from "../graph/tensor.ts";
import { declaredType } from "../operators/infer-shapes.ts";
import { sumOverAxes } from "../operators/unit-sums.ts";
import { changedName } from "./changed-name.ts";
import type { ChannelCut } from "./channel-path.ts";
import type { ChannelPlace } from "./channel-place.ts";
import { knownTensor } from "./known-tensor.ts";
import { siteId } from "./pass.ts";
import type { PrunableLayer } from "./prunable-layer.ts";
import type { Pruned, PruneShare } from "./prune-weights.ts";
import { isRefusal, nodeLabel } from "./refusal.ts";
import { selectedTensor } from "./selected-tensor.ts";

/** How much each output channel of a layer matters, and by what that was judged. */
interface Scored {
  readonly layer: PrunableLayer;
  readonly scores: Float64Array;
  readonly measure: "Σ|w|" | "|γ|";
}

/**
 * Takes out the output channels that matter least, and with each its bias, its normalization and
 * the weights of the next layers that read it. A channel matters as the |γ| of the BatchNorm right
 * behind the layer (Z. Liu et al., "Learning Efficient Convolutional Networks through Network
 * Slimming", 2017), or else as the L1 norm of its weights (H. Li et al., "Pruning Filters for
 * Efficient ConvNets", 2017). With scope "global", channels of different layers are compared by
 * their share of their layer's mean, since norms grow with the number of inputs.
 *
 * @throws InputError where a layer would be left without channels.
 */
export function pruneChannels(
  graph: Graph,
  layers: readonly PrunableLayer[],
  { share, scope }: PruneShare,
): Pruned {
  const scored = layers.map((layer) => scoreOf(graph, layer));
  const kept = scope === "global" ? keptOfAll(scored, share) : keptOfEach(scored, share);
  const changed = scored.filter((each) => (kept.get(each)?.length ?? 0) < each.layer.channels);
  const rows = scored.map((each) => {
    const left = kept.get(each)?.length ?? 0;
    const { channels, node } = each.layer;
    return [siteId(node), channels, left, each.measure] as const;
  });
  const total = rows.reduce((sum, [, channels]) => sum + channels, 0);
  const left = rows.reduce((sum, [, , channels]) => sum + channels, 0);
  return {
    graph: cutGraph(graph, changed, kept),
    nodes: changed.map(({ layer }) => layer.node),
    statement: `${total - left} of ${total} output channels were taken out of ${changed.length} layers.`,
    table: { title: "Channels", columns: ["layer", "before", "after", "by"], rows },
  };
}

function scoreOf(graph: Graph, layer: PrunableLayer): Scored {
  const { path, weight } = layer;
  const gamma =
    path.normalization === undefined
      ? undefined
      : knownTensor(
          graph,
          path.normalization.input[1] ?? "",
          `scale of ${siteId(path.normalization)}`,
        );
  const scored: Scored =
    gamma === undefined || isRefusal(gamma)
      ? { layer, scores: weightNorms(layer), measure: "Σ|w|" }
      : { layer, scores: readFloat64(gamma).map(Math.abs), measure: "|γ|" };
  const bad = scored.scores.findIndex((score) => !Number.isFinite(score));
  if (bad >= 0) {
    throw new InputError(
      `prune-magnitude: ${scored.measure} of channel ${bad} of ${nodeLabel(weight.node)} is not finite`,
    );
  }
  return scored;
}

function weightNorms({ weight }: PrunableLayer): Float64Array {
  const { view, reduced } = weight.units;
  return sumOverAxes(readFloat64(weight.tensor), view, reduced, Math.abs);
}

type Kept = ReadonlyMap<Scored, readonly number[]>;

/** ⌊share·C⌋ of the C channels of each layer go, the first of equals first. */
function keptOfEach(scored: readonly Scored[], share: number): Kept {
  return new Map(
    scored.map((each) => {
      const order = [...each.scores.keys()].sort((a, b) => scoreAt(each, a) - scoreAt(each, b));
      const gone = new Set(order.slice(0, Math.floor(share * order.length)));
      return [each, [...each.scores.keys()].filter((channel) => !gone.has(channel))];
    }),
  );
}

function keptOfAll(scored: readonly Scored[], share: number): Kept {
  const channels = scored.flatMap((each) => {
    const mean = each.scores.reduce((sum, score) => sum + score, 0) / each.scores.length;
    return Array.from(each.scores, (score, channel) => ({
      each,
      channel,
      part: mean === 0 ? 0 : score / mean,
    }));
  });
  const order = [...channels].sort((a, b) => a.part - b.part);
  const gone = new Set(order.slice(0, Math.floor(share * order.length)));
  const kept = new Map<Scored, number[]>(scored.map((each) => [each, []]));
  for (const one of channels) if (!gone.has(one)) kept.get(one.each)?.push(one.channel);
  for (const [{ layer }, left] of kept) {
    if (left.length > 0) continue;
    throw new InputError(
      `prune-magnitude: all ${layer.channels} channels of ${nodeLabel(layer.node)} are among the least ${100 * share} %; a smaller share or scope "layer" keeps some`,
    );
  }
  return kept;
}

function scoreAt({ scores }: Scored, channel: number): number {
  return scores[channel] as number;
}

/** All cuts of one tensor at one reader, by axis. */
interface Cuts {
  readonly cut: ChannelCut;
  readonly selection: Map<number, readonly number[]>;
}

function cutGraph(graph: Graph, changed: readonly Scored[], kept: Kept): Graph {
  const names = { builder: new GraphBuilder(takenNames(graph)), ending: "pruned" };
  const cuts = new Map<string, Cuts>();
  const inputs = new Map<Node, Map<number, string>>();
  const initializers: Tensor[] = [];
  const sizes = new Map<string, ChannelPlace & { readonly size: number }>();
  const read = (node: Node, input: number, value: string) =>
    inputs.set(node, (inputs.get(node) ?? new Map<number, string>()).set(input, value));
  for (const each of changed) {
    const { layer } = each;
    const channels = kept.get(each) ?? [];
    for (const cut of layer.cuts) {
      const key = `${cut.node.output[0]}:${cut.input}`;
      const known = cuts.get(key) ?? { cut, selection: new Map<number, readonly number[]>() };
      known.selection.set(cut.axis, positionsOf(channels, cut.block));
      cuts.set(key, known);
    }
    for (const place of layer.path.places) {
      sizes.set(place.value, { ...place, size: channels.length * place.block });
    }
    for (const { node, sizes: old, position } of layer.path.reshapes) {
      const width = (channels.length * (old[position] as number)) / layer.channels;
      const name = names.builder.freshName(`${node.input[1]}_pruned`);
      const shape = old.map((size, axis) => (axis === position ? width : size));
      initializers.push(int64Tensor(name, [shape.length], shape));
      read(node, 1, name);
    }
  }
  for (const { cut, selection } of cuts.values()) {
    const { node, input, tensor } = cut;
    const name = changedName(graph, node.input[input] ?? "", [{ node, input }], names);
    initializers.push(selectedTensor(tensor, name, selection));
    read(node, input, name);
  }
  const replace = new Map(
    [...inputs].map(([node, values]): [Node, readonly Node[]] => {
      const input = node.input.map((value, position) => values.get(position) ?? value);
      return [node, [changeNode(node, { input })]];
    }),
  );
  return withSizes(changeGraph(graph, { replace, initializers }), sizes, initializers);
}

/** With a block of neighbours for each channel, all of them. */
function positionsOf(channels: readonly number[], block: number): readonly number[] {
  return channels.flatMap((channel) =>
    Array.from({ length: block }, (_, offset) => channel * block + offset),
  );
}

/** Stated shapes of what became smaller, also of initializers that are listed as inputs. */
function withSizes(
  graph: Graph,
  sizes: ReadonlyMap<string, ChannelPlace & { readonly size: number }>,
  initializers: readonly Tensor[],
): Graph {
  const stored = new Map(initializers.map((tensor) => [tensor.name, tensor]));
  const changed = (info: ValueInfo): ValueInfo => {
    const place = sizes.get(info.name);
    const type = declaredType(info);
    const shape =
      stored.get(info.name)?.dims ??
      type?.shape.map((size, axis) => (axis === place?.axis ? place.size : size));
    if (type === undefined || shape === undefined || `${shape}` === `${type.shape}`) return info;
    return Object.assign(Object.create(Object.getPrototypeOf(info)), info, {
      type: makeValueInfo(info.name, type.dataType, shape).type,
    });
  };
  return {
    ...graph,
    valueInfo: graph.valueInfo.map(changed),
    inputs: graph.inputs.map(changed),
  };
}
