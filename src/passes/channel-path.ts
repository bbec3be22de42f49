import { intAttribute, intsAttribute } from "../graph/attributes.ts";
import { constantValue } from "../graph/constants.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import { elementCount, type Tensor } from "../graph/tensor.ts";
import {
  ARITHMETIC,
  type ChannelPlace,
  flattened,
  indexList,
  PASSES_ON,
  positionsBehind,
  REDUCTIONS,
  reduced,
} from "./channel-place.ts";
import { isRefusal, nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { rankOf, valueTypes } from "./value-types.ts";

/** A stored tensor that a node reads, of which channels have to be taken out along an axis. */
export interface ChannelCut {
  readonly node: Node;
  readonly input: number;
  readonly tensor: Tensor;
  readonly axis: number;
  readonly block: number;
}

/** Everything behind a layer that changes when some of its output channels are taken out. */
export interface ChannelPath {
  readonly places: readonly ChannelPlace[];
  readonly cuts: readonly ChannelCut[];
  /** Reshapes to stated sizes, and the position of the size that counts channels. */
  readonly reshapes: readonly {
    readonly node: Node;
    readonly sizes: readonly number[];
    readonly position: number;
  }[];
  /** The BatchNorm right behind the layer, whose |γ| says how much of a channel is used. */
  readonly normalization: Node | undefined;
}

/**
 * Follows the channels of a layer's result to the layers that read them.
 *
 * @returns the reason, naming the node in the way, where one of them cannot be taken out alone.
 */
export function channelPath(
  graph: Graph,
  start: ChannelPlace,
  channels: number,
): ChannelPath | Refusal {
  const walk = new Walk(graph, channels);
  const open = [start];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const next = walk.visit(place);
    if (isRefusal(next)) return next;
    open.push(...next);
  }
  return walk.result(start);
}

class Walk {
  readonly #graph: Graph;
  readonly #channels: number;
  readonly #places = new Map<string, ChannelPlace>();
  readonly #cuts = new Map<string, ChannelCut>();
  readonly #reshapes: { node: Node; sizes: readonly number[]; position: number }[] = [];
  /** Values that have to carry the same channels, with the node that joins them. */
  readonly #joined: {
    readonly node: Node;
    readonly value: string;
    readonly place: ChannelPlace;
  }[] = [];

  constructor(graph: Graph, channels: number) {
    this.#graph = graph;
    this.#channels = channels;
  }

  visit(place: ChannelPlace): readonly ChannelPlace[] | Refusal {
    const { value } = place;
    const known = this.#places.get(value);
    if (known !== undefined) {
      return known.axis === place.axis && known.block === place.block
        ? []
        : refuse(`Its channels lie in two ways in ${value}.`);
    }
    this.#places.set(value, place);
    const index = indexOf(this.#graph);
    if (index.isOutput(value))
      return refuse(`Its result reaches ${value}, an output of the model.`);
    if (index.readByBody(value)) return refuse(`Its result ${value} is read by a body (If, Loop).`);
    const next: ChannelPlace[] = [];
    for (const { node, input } of index.uses(value)) {
      const behind = this.#through(node, input, place);
      if (isRefusal(behind)) return behind;
      next.push(...behind);
    }
    return next;
  }

  result(start: ChannelPlace): ChannelPath | Refusal {
    for (const { node, value, place } of this.#joined) {
      const other = this.#places.get(value);
      if (other?.axis !== place.axis || other.block !== place.block) {
        return refuse(`${nodeLabel(node)} joins its channels with those of ${value}.`);
      }
    }
    const [first, ...others] = indexOf(this.#graph).uses(start.value);
    const normalized = others.length === 0 && first?.node.opType === "BatchNormalization";
    return {
      places: [...this.#places.values()],
      cuts: [...this.#cuts.values()],
      reshapes: this.#reshapes,
      normalization: normalized ? first.node : undefined,
    };
  }

  #through(node: Node, input: number, place: ChannelPlace): readonly ChannelPlace[] | Refusal {
    const { opType } = node;
    const stop = refuse(`Its channels cannot be followed through ${nodeLabel(node)}.`);
    if (!isStandardDomain(node.domain)) return stop;
    const orStop = (next: ChannelPlace | undefined) => (next === undefined ? stop : [next]);
    const behind = (axis = place.axis, block = place.block) => [
      { value: node.output[0] ?? "", axis, block },
    ];
    if (PASSES_ON.has(opType)) {
      const positions = !/Pool/.test(opType) || place.axis === 1;
      const single = node.output.slice(1).every((value) => value === "" || this.#unread(value));
      return input === 0 && positions && single ? behind() : stop;
    }
    if (ARITHMETIC.has(opType)) return this.#arithmetic(node, input, place) ?? behind();
    if (REDUCTIONS.has(opType)) return orStop(reduced(this.#graph, node, place));
    switch (opType) {
      case "BatchNormalization": {
        const spatial = intAttribute(node, "spatial", 1) === 1 && node.output.length === 1;
        if (input !== 0 || place.axis !== 1 || !spatial) return stop;
        return this.#cutAll(node, [1, 2, 3, 4], place) ?? behind();
      }
      case "Flatten":
        return orStop(flattened(this.#graph, node, place));
      case "Reshape":
        return orStop(this.#reshaped(node, place));
      case "Transpose": {
        const rank = rankOf(this.#graph, place.value) ?? 0;
        const order =
          intsAttribute(node, "perm") ?? Array.from({ length: rank }, (_, j) => rank - 1 - j);
        const axis = order.indexOf(place.axis);
        return axis < 0 ? stop : behind(axis);
      }
      case "Conv":
      case "ConvTranspose": {
        if (input !== 0 || place.axis !== 1) return stop;
        if (intAttribute(node, "group", 1) !== 1) {
          return refuse(`${nodeLabel(node)} reads its channels in groups.`);
        }
        return this.#cut(node, 1, opType === "Conv" ? 1 : 0, place) ?? [];
      }
      case "Gemm": {
        if (input !== 0 || place.axis !== 1 || intAttribute(node, "transA", 0) !== 0) return stop;
        return this.#cut(node, 1, intAttribute(node, "transB", 0) !== 0 ? 1 : 0, place) ?? [];
      }
      case "MatMul": {
        const last = place.axis === (rankOf(this.#graph, place.value) ?? 0) - 1;
        const weight = constantValue(this.#graph, node.input[1] ?? "");
        if (input !== 0 || !last || weight === undefined || weight.dims.length < 2) return stop;
        return this.#cut(node, 1, weight.dims.length - 2, place) ?? [];
      }
      default:
        return stop;
    }
  }

  #unread(value: string): boolean {
    const index = indexOf(this.#graph);
    return index.uses(value).length === 0 && !index.isOutput(value) && !index.readByBody(value);
  }

  /** With a constant, which may have a number for each channel, or with a value of the same channels. */
  #arithmetic(node: Node, input: number, place: ChannelPlace): Refusal | undefined {
    for (const [position, value] of node.input.entries()) {
      if (position === input || value === place.value) continue;
      const constant = constantValue(this.#graph, value);
      if (constant === undefined) {
        this.#joined.push({ node, value, place });
        continue;
      }
      const rank = rankOf(this.#graph, place.value);
      if (rank === undefined)
        return refuse(`The number of dimensions of ${place.value} is not known.`);
      // Shapes are lined up at the right.
      const axis = place.axis - rank + constant.dims.length;
      if (elementCount(constant.dims) === 1 || axis < 0 || constant.dims[axis] === 1) continue;
      const refusal = this.#cut(node, position, axis, place);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #cutAll(node: Node, inputs: readonly number[], place: ChannelPlace): Refusal | undefined {
    for (const input of inputs) {
      const refusal = this.#cut(node, input, 0, place);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #cut(node: Node, input: number, axis: number, { block }: ChannelPlace): Refusal | undefined {
    const value = node.input[input] ?? "";
    const tensor = constantValue(this.#graph, value);
    if (tensor === undefined) {
      return refuse(`${nodeLabel(node)} reads ${value}, which is known only at run time.`);
    }
    if (tensor.dims[axis] !== this.#channels * block) {
      return refuse(
        `${nodeLabel(node)} reads ${value} of shape [${tensor.dims}], which does not fit ${this.#channels} channels.`,
      );
    }
    this.#cuts.set(`${node.output[0]}:${input}`, { node, input, tensor, axis, block });
    return undefined;
  }

  #reshaped(node: Node, place: ChannelPlace): ChannelPlace | undefined {
    const inner = positionsBehind(this.#graph, place);
    const sizes = indexList(this.#graph, node.input[1] ?? "");
    const output = valueTypes(this.#graph).get(node.output[0] ?? "")?.shape;
    if (inner === undefined || sizes?.length !== 2 || place.axis !== 1) return undefined;
    const block = place.block * inner;
    const width = this.#channels * block;
    const [batch = 0, stated = 0] = sizes;
    // The batch has to stay the batch: then the rest is the second axis.
    const whole = output?.[1] === width && (stated === -1 || stated === width) && batch !== width;
    if (!whole) return undefined;
    if (stated === width) this.#reshapes.push({ node, sizes, position: 1 });
    return { value: node.output[0] ?? "", axis: 1, block };
  }
}
