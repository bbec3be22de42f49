import { intsAttribute } from "../graph/attributes.ts";
import type { Dimension } from "../graph/builder.ts";
import { type Graph, isStandardDomain, type Node } from "../graph/graph.ts";
import { UNKNOWN_SIZE } from "../operators/operator.ts";
import type { ChannelAffine } from "./channel-affine.ts";
import { nodeLabel, type Refusal, refuse } from "./refusal.ts";
import { rankOf, valueTypes } from "./value-types.ts";

/** "up" is from a node's result to its input, "down" the other way. */
export type Direction = "up" | "down";

/** Nodes that only move elements: what acts on each channel can act on either side of them. */
const MOVEMENTS: ReadonlySet<string> = new Set([
  "Identity",
  "Transpose",
  "Reshape",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
]);

export function isMovement(node: Node): boolean {
  return isStandardDomain(node.domain) && MOVEMENTS.has(node.opType);
}

/** Where the channels lie on the other side of a movement node, or why that cannot be said. */
export function followChannels(
  graph: Graph,
  node: Node,
  affine: ChannelAffine,
  direction: Direction,
): ChannelAffine | Refusal {
  if (affine.axis === undefined || node.opType === "Identity") return affine;
  if (node.opType === "Transpose") return throughTranspose(graph, node, affine, direction);
  const values = [node.input[0] ?? "", node.output[0] ?? ""];
  const [before, after] = values.map((value) => valueTypes(graph).get(value)?.shape);
  if (before === undefined || after === undefined) {
    return refuse(`The shapes around ${nodeLabel(node)}, which lies between, are not known.`);
  }
  const [from, to] = direction === "down" ? [before, after] : [after, before];
  return (
    regrouped(affine, from, to) ??
    refuse(
      `${nodeLabel(node)}, which lies between, mixes the channels with other axes: [${before}] becomes [${after}].`,
    )
  );
}

/** Axis j of the result is axis perm[j] of the input; without perm the axes are reversed. */
function throughTranspose(
  graph: Graph,
  node: Node,
  affine: ChannelAffine,
  direction: Direction,
): ChannelAffine | Refusal {
  const axis = affine.axis as number;
  const rank = rankOf(graph, node.input[0] ?? "") ?? rankOf(graph, node.output[0] ?? "");
  const perm =
    intsAttribute(node, "perm") ??
    (rank === undefined ? undefined : Array.from({ length: rank }, (_, j) => rank - 1 - j));
  const moved = direction === "up" ? perm?.[axis] : perm?.indexOf(axis);
  if (moved !== undefined && moved >= 0) return { ...affine, axis: moved };
  return refuse(`The axes that ${nodeLabel(node)}, which lies between, permutes are not known.`);
}

/** A product of sizes, some of them known by name only. */
interface Product {
  readonly number: number;
  readonly names: string;
}

/**
 * The pairs along an axis of another shape with the same elements in the same order.
 *
 * An element's channel is ⌊position / inner⌋ mod C, where inner is the number of elements to the
 * right of the channel axis. An axis of the other shape with C′ positions of inner′ elements has
 * index j = ⌊position / inner′⌋ mod C′, and j alone tells the channel in two cases:
 *
 * - r = inner / inner′ is whole and r·C divides C′: the axis merges the channels with others (as
 *   Flatten does), each pair is repeated r times, and that C′ / (r·C) times over
 * - q = inner′ / inner is whole and q·C′ divides C: the axis splits the channels; it does where the
 *   channels that share a j have equal pairs
 */
export function regrouped(
  affine: ChannelAffine,
  from: readonly Dimension[],
  to: readonly Dimension[],
): ChannelAffine | undefined {
  const count = affine.scale.length;
  if (affine.axis === undefined || count === 1) return { ...affine, axis: undefined };
  const inner = product(from.slice(affine.axis + 1));
  for (const [axis, size] of to.entries()) {
    const other = product(to.slice(axis + 1));
    if (typeof size !== "number" || inner === undefined || other?.names !== inner.names) continue;
    const repeats = inner.number / other.number;
    if (Number.isInteger(repeats) && size % (repeats * count) === 0) {
      return picked(affine, axis, size, (j) => Math.floor(j / repeats) % count);
    }
    const skips = other.number / inner.number;
    if (!Number.isInteger(skips) || count % (skips * size) !== 0) continue;
    const sameIndex = (c: number) => (Math.floor(c / skips) % size) * skips;
    const equal = affine.scale.every(
      (value, c) =>
        value === affine.scale[sameIndex(c)] && affine.shift[c] === affine.shift[sameIndex(c)],
    );
    if (equal) return picked(affine, axis, size, (j) => j * skips);
  }
  return undefined;
}

function picked(
  { scale, shift }: ChannelAffine,
  axis: number,
  size: number,
  channel: (position: number) => number,
): ChannelAffine {
  const pick = (values: Float64Array) =>
    Float64Array.from({ length: size }, (_, j) => values[channel(j)] as number);
  return { axis, scale: pick(scale), shift: pick(shift) };
}

/** Undefined where a size is not even known by name: two such sizes need not be the same. */
function product(sizes: readonly Dimension[]): Product | undefined {
  if (sizes.includes(UNKNOWN_SIZE)) return undefined;
  const numbers = sizes.filter((size) => typeof size === "number");
  const names = sizes.filter((size) => typeof size === "string").sort();
  return { number: numbers.reduce((all, size) => all * size, 1), names: names.join("·") };
}
