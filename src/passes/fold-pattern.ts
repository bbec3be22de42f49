import type { GraphBuilder } from "../graph/builder.ts";
import type { GraphChanges } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { indexOf } from "../graph/index.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { AffineForm, BatchNormalization } from "./batch-normalization.ts";
import type { Refusal } from "./refusal.ts";

/**
 * One way to let a neighbour compute a BatchNorm's affine form. Each pattern is a file; the table
 * in fold-batch-norm.ts tries them in order.
 *
 * @returns how to fold, the reason why this neighbour cannot, or undefined where the neighbour is
 *   not of this pattern's kind.
 */
export type FoldPattern = (
  graph: Graph,
  batchNorm: BatchNormalization,
  affine: AffineForm,
) => Fold | Refusal | undefined;

export interface Fold {
  /** The node that takes the affine form up. */
  readonly into: Node;
  /** Every node the fold changes; two folds that share one are applied one after the other. */
  readonly touches: readonly Node[];
  /** The edit. Names come from the builder, which knows those of folds applied together with it. */
  changes(names: GraphBuilder): GraphChanges;
}

/**
 * The name for a changed tensor: its own where the given node is the only reader, so that the
 * initializer is overwritten; else a fresh one, and the other readers keep the original.
 */
export function nameForChanged(
  graph: Graph,
  value: string,
  tensor: Tensor,
  names: GraphBuilder,
): string {
  const index = indexOf(graph);
  const owned =
    graph.initializers.has(value) &&
    index.uses(value).length === 1 &&
    !index.readByBody(value) &&
    !index.isOutput(value);
  return owned ? value : names.freshName(`${tensor.name}_folded`);
}

/**
 * A name for the bias that a node did not have, after the name of its weight: conv1.bias beside
 * conv1.weight.
 */
export function biasName(weight: string, names: GraphBuilder): string {
  const renamed = weight.replace(/(weight|kernel)(?=[^a-z]*$)/i, "bias");
  return names.freshName(renamed === weight ? `${weight}_bias` : renamed);
}
