import type { GraphChanges } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ChannelAffine } from "./channel-affine.ts";
import type { TensorNames } from "./linear-layer.ts";
import type { Refusal } from "./refusal.ts";

/** A node that computes y = scale·x + shift in each channel, and that a neighbour may take up. */
export interface FoldSite {
  readonly node: Node;
  readonly kind: "normalization" | "arithmetic";
  readonly input: string;
  readonly output: string;
  readonly affine: ChannelAffine;
  /**
   * What stays of a site that does more than y = scale·x + shift; left out where nothing does.
   *
   * @param shift what is to be added for each channel, where the neighbours take the scale alone.
   */
  readonly remainder?: (shift: Float64Array | undefined, names: TensorNames) => Remainder;
}

export interface Remainder {
  /** What takes the site's place. */
  readonly nodes: readonly Node[];
  readonly initializers: readonly Tensor[];
  /** What the neighbours read. */
  readonly output: string;
}

/**
 * One direction in which a site can be taken up. Each pattern is a file; the strategy in
 * fold-batch-norm.ts orders them.
 *
 * @returns how to fold, or why not.
 */
export type FoldPattern = (
  graph: Graph,
  site: FoldSite,
  options: FoldOptions,
) => Fold | FoldRefusal;

export interface FoldOptions {
  /** Copies a layer whose result others read as well, so that the copy can take the site up. */
  readonly duplicateProducer: boolean;
}

export interface FoldRefusal extends Refusal {
  /** A linear layer was found and something is in its way: this says more than that there is none. */
  readonly near: boolean;
}

export interface Fold {
  /** The node that takes the affine form up; the first one where several do. */
  readonly into: Node;
  /** Every node the fold changes; two folds that share one are applied one after the other. */
  readonly touches: readonly Node[];
  /** Nodes in the graph after it, less those before. */
  readonly addedNodes: number;
  /** Values that mean the same before and after, at which the fold can be checked. */
  readonly outputs: readonly string[];
  /** The edit. Names come from the builder, which knows those of folds applied together with it. */
  changes(names: TensorNames["builder"]): GraphChanges;
}

/**
 * The name for a changed tensor: its own where the given node is the only reader, so that the
 * initializer is overwritten; else a fresh one, and the other readers keep the original.
 */
export function nameForChanged(
  graph: Graph,
  value: string,
  tensor: Tensor,
  { builder, copies }: TensorNames,
): string {
  return !copies && graph.initializers.has(value) && hasOneReader(graph, value)
    ? value
    : builder.freshName(changedStem(tensor.name));
}

export function hasOneReader(graph: Graph, value: string): boolean {
  const index = indexOf(graph);
  return index.uses(value).length === 1 && !index.readByBody(value) && !index.isOutput(value);
}

/** A stem for the name of something that no longer is what its name stood for. */
export function changedStem(name: string): string {
  return /_folded(_\d+)?$/.test(name) ? name.replace(/_\d+$/, "") : `${name}_folded`;
}

/**
 * A name for the bias that a node did not have, after the name of its weight: conv1.bias beside
 * conv1.weight.
 */
export function biasName(weight: string, { builder }: TensorNames): string {
  const renamed = weight.replace(/(weight|kernel)(?=[^a-z]*$)/i, "bias");
  return builder.freshName(renamed === weight ? `${weight}_bias` : renamed);
}
